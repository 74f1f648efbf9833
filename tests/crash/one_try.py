# SPDX-License-Identifier: Apache-2.0
"""What a child does: one try of the real campaign on the scene's ledger, or one word of a person on it.

Nothing of the loop, the ledger or the client is replaced; only times are made short, batches small, and the sending
threads may be told to take turns, so that a gap is the same moment in every run.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from airflow_provider_uspeedo import prefetch
from airflow_provider_uspeedo.api.client import USpeedoClient
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.backoff import Backoff
from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.api.response.send_answer import SendAnswer
from airflow_provider_uspeedo.campaign import campaign
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.crash.gaps import Gaps
from tests.crash.mistakes import MISTAKES
from tests.crash.people import BATCH_ROWS, CHUNK_SIZE, LATER
from tests.ledger.acting import resolve

CAMPAIGN = "crash"
NO_CONNECTION = "no connection"
SHORT_BACKOFF = Backoff(attempts=5, first_wait=0.001, max_wait=0.002)


@dataclass(frozen=True)
class Try:
    """What one child is to do; all of it can be written as JSON.

    :param scene: the folder with ledger, plan and journal.
    :param vendor: base URL of the vendor.
    :param nowhere: a port on which nobody listens.
    :param table: which of :data:`.people.LATER` is read.
    :param threads: ``in turn``: each request is sent as soon as it is claimed; ``at the end``: after the last claim;
        ``real``: by three threads.
    :param at: the gap in which ``act`` happens; see :class:`.gaps.Gaps`.
    :param patience: seconds to wait for requests that another try has under way.
    :param mistake: the planted mistake of :data:`.mistakes.MISTAKES`, or ``""``.
    :param resolve: instead of a try, a person's word: the keys (hex) that were sent; all others were not.
    :param prepare_only: instead of a try, only the tables are made.
    """

    scene: str
    vendor: str
    nowhere: int
    table: str = "the same"
    threads: str = "in turn"
    at: int | None = None
    act: str = "die"
    seed: int | None = None
    patience: float = 0.0
    mistake: str = ""
    resolve: list[str] | None = None
    prepare_only: bool = False
    report: str = "report0.json"


HERE: list[Path] = []
"""The database of this process."""
LEDGER = Ledger(
    open_engine("sqlite:///", creator=lambda: sqlite3.connect(HERE[0], timeout=60.0, check_same_thread=False))
)
"""Made once, before the children: a hundred statements need not be compiled by each. Nothing is connected by then: a
child opens its database itself."""


def play(one: Try) -> None:
    """Does it, and leaves a report in the scene."""
    HERE[:] = [Path(one.scene) / "ledger.db"]
    gaps = Gaps(one.at, one.act, one.seed)
    with gaps.watching(LEDGER.database.engine):
        LEDGER.prepare()
        report = {} if one.prepare_only else _done(one, LEDGER, gaps)
        gaps.before("the end")
    LEDGER.close()
    report |= {"gaps": gaps.names, "writing": gaps.writing}
    Path(one.scene, one.report).write_text(json.dumps(report))


def _done(one: Try, ledger: Ledger, gaps: Gaps) -> dict[str, Any]:
    return _run(one, ledger, gaps) if one.resolve is None else _resolve(ledger, one.resolve)


def _run(one: Try, ledger: Ledger, gaps: Gaps) -> dict[str, Any]:
    config = CampaignConfig(
        CAMPAIGN,
        Columns("phone", ("name",), template_id="template"),
        chunk_size=CHUNK_SIZE,
        concurrency=3 if one.threads == "real" else 1,
    )
    timing: dict[str, Any] = {"in_flight_timeout": one.patience, "backoff": SHORT_BACKOFF}
    people = [row.as_dict() for row in LATER[one.table]]
    with (
        patch.object(campaign, "ThreadPoolExecutor", THREADS[one.threads]),
        patch.object(prefetch, "ThreadPoolExecutor", ThreadPoolExecutor if one.threads == "real" else InTurn),
        MISTAKES[one.mistake](),
    ):
        made = prepare(config, people, lambda _ids: [], portion_rows=BATCH_ROWS)
        done = campaign.Campaign(config, made, ledger, Sends(one, gaps), StopSignal(), **timing).run()
    return {"summary": done.summary.to_xcom(), "cause": repr(done.cause) if done.cause else "", **_flags(done)}


def _flags(done: campaign.Report) -> dict[str, bool]:
    return {"stopped": done.stopped, "elsewhere": done.elsewhere}


def _resolve(ledger: Ledger, sent: Sequence[str]) -> dict[str, Any]:
    keys = [bytes.fromhex(key) for key in sent]
    said = resolve(ledger, CAMPAIGN, as_sent=True, by="Pat", only=keys) if keys else 0
    return {"resolved": said + resolve(ledger, CAMPAIGN, as_sent=False, by="Pat")}


class Sends:
    """The real client, between two gaps; for some faults of the plan, one with another port or little patience."""

    def __init__(self, one: Try, gaps: Gaps) -> None:
        self._scene = Path(one.scene)
        self._gaps = gaps
        plan = self._scene / "plan.json"
        self._plan = json.loads(plan.read_text()) if plan.exists() else {}
        config = partial(ClientConfig, access_key_id="id", access_key_secret="secret", account_id=1)
        self._client = USpeedoClient(config(f"{one.vendor}/{self._scene.name}", timeout=20.0))
        self._hasty = USpeedoClient(config(f"{one.vendor}/{self._scene.name}", timeout=0.15))
        self._nowhere = USpeedoClient(config(f"http://127.0.0.1:{one.nowhere}"))

    def __call__(self, content: WrittenContent) -> SendAnswer:
        self._gaps.before("send")
        answer = self._for_next().send_written(content)
        self._gaps.before("use the answer")
        return answer

    def _for_next(self) -> USpeedoClient:
        journal = self._scene / "journal.jsonl"
        fault = self._plan.get(str(1 + (journal.read_bytes().count(b"\n") if journal.exists() else 0)), "")
        if fault == NO_CONNECTION and not (mark := self._scene / "no-connection").exists():
            mark.touch()
            return self._nowhere
        return self._hasty if fault.startswith("stall") else self._client


class InTurn:
    """Stands in for the thread pool: does each thing when it is handed in."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        self._do(done, function, *arguments)
        return done

    @staticmethod
    def _do(done: Future[Any], function: Callable[..., Any], *arguments: Any) -> None:
        try:
            done.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001 - as a thread pool does
            done.set_exception(error)


class AtTheEnd(InTurn):
    """Stands in for the thread pool: does everything when the table is read and claimed.

    Not the first thing, which the campaign waits for, and not the writing of what is sent.
    """

    def __init__(self, *_: Any, thread_name_prefix: str = "", **__: Any) -> None:
        self._in_turn = 1 if thread_name_prefix == "uspeedo-send" else sys.maxsize
        self._waiting: list[Callable[[], None]] = []

    def __exit__(self, *_: object) -> None:
        for call in self._waiting:
            call()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if self._in_turn:
            self._in_turn -= 1
            return super().submit(function, *arguments)
        done: Future[Any] = Future()
        self._waiting.append(partial(self._do, done, function, *arguments))
        return done


THREADS: dict[str, Any] = {"in turn": InTurn, "at the end": AtTheEnd, "real": ThreadPoolExecutor}


def as_json(one: Try) -> str:
    return json.dumps(asdict(one))

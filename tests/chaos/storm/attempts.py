# SPDX-License-Identifier: Apache-2.0
"""One attempt of a storm: a campaign as the operator runs it, on a ledger and a vendor that misbehave as drawn."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_uspeedo.api.http.backoff import Backoff
from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.report import Report
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.columns import Columns
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, ContactRules
from airflow_provider_uspeedo.core.slices import WHOLE, Slice
from airflow_provider_uspeedo.errors import USpeedoError
from tests.chaos.storm.clock import FROZEN
from tests.chaos.storm.databases import COMMIT_FAULTS, STATEMENT_FAULTS, Actor, Died, StormDatabase
from tests.chaos.storm.journal import Journal
from tests.chaos.storm.tables import World
from tests.chaos.storm.vendor import FAULTS, Call, StormVendor, targets_in

SHORT_BACKOFF = Backoff(attempts=3, first_wait=0.001, max_wait=0.003)
DIES_BEFORE, DIES_AFTER = "dies before", "dies after"


@dataclass(frozen=True)
class Draws:
    """What is drawn for one attempt before it begins.

    :param version: which version of the table it reads.
    :param calls: number of a call of it -> what goes wrong with it.
    :param stop_at: the call at which its task is told to stop.
    :param timeout: seconds for which it repeats what its database fails at.
    :param delay: seconds until it begins.
    :param rules: the contact policy.
    :param meets: called before some of its transactions; see :class:`.databases.Actor`.
    """

    version: int
    slice_: Slice = WHOLE
    chunk_size: int = 10
    concurrency: int = 2
    portion_rows: int = 1000
    statements: Mapping[int, str] = field(default_factory=dict)
    commits: Mapping[int, str] = field(default_factory=dict)
    pauses: Mapping[int, float] = field(default_factory=dict)
    calls: Mapping[int, str] = field(default_factory=dict)
    stop_at: int = -1
    timeout: float = 20.0
    delay: float = 0.0
    rules: ContactRules = NO_RULES
    meets: Callable[[str], None] | None = None


def draw(chance: random.Random, world: World, slices: int) -> Draws:
    """An attempt in the storm."""
    sliced = slices > 1 and chance.random() < 0.75
    away = chance.random() < 0.12
    faults = [one for one in STATEMENT_FAULTS if one not in ("away", "dies", "waits")]
    statements = {chance.randrange(90): "waits" for _ in range(chance.choice((0, 2, 5)))}
    statements |= {chance.randrange(90): chance.choice(faults) for _ in range(chance.choice((0, 0, 1, 3)))}
    if away:
        statements[chance.randrange(5, 90)] = "away"
    if chance.random() < 0.15:
        statements[chance.randrange(90)] = "dies"
    still = (0.05, 1.0, FROZEN, -1.0)
    vendor = [one for one in FAULTS if not (world.by_who and one == "miscounts")]
    vendor += [DIES_BEFORE, DIES_AFTER, "held", "held", "held"]
    return Draws(
        version=chance.choice((0, 0, *range(len(world.versions) - 1))),
        slice_=Slice(chance.randrange(slices), slices) if sliced else WHOLE,
        chunk_size=chance.choice((3, 5, 10, 25)),
        concurrency=chance.choice((1, 2, 3)),
        portion_rows=chance.choice((30, 60, 1000)),
        statements=statements,
        commits={chance.randrange(40): chance.choice(COMMIT_FAULTS) for _ in range(chance.choice((0, 0, 1, 2)))},
        pauses={chance.randrange(6): chance.choice(still) for _ in range(chance.choice((0, 0, 1, 2)))},
        calls={chance.choice((0, 1, 2, 3, 5, 8)): chance.choice(vendor) for _ in range(chance.choice((0, 1, 2, 4)))},
        stop_at=chance.randrange(10) if chance.random() < 0.12 else -1,
        timeout=0.2 if away else 20.0,
        delay=chance.choice((0.0, 0.0, 0.02, 0.08)),
    )


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    :param report: ``None``: it died, or an error ended it.
    :param fault: an error that is none of the package's own: a bug.
    """

    name: str
    draws: Draws
    report: Report | None
    how: str
    fault: str = ""


def run_attempt(
    name: str, draws: Draws, world: World, campaign: str, database: StormDatabase, vendor: StormVendor, journal: Journal
) -> Ended:
    """One attempt in this thread; everything that it leaves behind is in the ledger and the journal."""
    actor = Actor(
        name, journal, dict(draws.statements), dict(draws.commits), dict(draws.pauses), vendor.hold, draws.meets
    )
    stop_signal = StopSignal()
    slice_ = "" if draws.slice_.is_whole else f", slice {draws.slice_}"
    journal.note(f"begins with version {draws.version} of the table{slice_}", name)
    report, fault = None, ""
    with database.ledger(actor, timeout=draws.timeout) as ledger:

        def send(content: WrittenContent, *_rest: Any, **_named: Any) -> Any:
            number = actor.next("call")
            call = Call(name, ledger.request_of_thread, targets_in(content.body))
            journal.note("sends", name, call.request, call.people)
            actor.alive()
            if number == draws.stop_at:
                journal.note("is told to stop", name)
                stop_signal.stop()
            what = draws.calls.get(number, "")
            if what == DIES_BEFORE:
                actor.die()
            if what == DIES_AFTER:
                vendor.send(call, "", actor.alive)
                actor.die()
            return vendor.send(call, what, actor.alive)

        try:
            config = config_of(world, campaign, draws)
            table = [row._asdict() for row in world.versions[draws.version]]
            sizes = {"portion_rows": draws.portion_rows, "batch_rows": draws.portion_rows}
            reading = prepare(config, table, lambda _ids: [], **sizes)
            report = Campaign(
                config, reading, ledger, send, stop_signal, in_flight_timeout=0.05, backoff=SHORT_BACKOFF
            ).run()
            how = "stopped" if report.stopped else f"{report.cause!r}" if report.cause else "done"
            if isinstance(report.cause, Died):
                report, how = None, "dead"
            elif report.cause and not isinstance(report.cause, USpeedoError):
                fault = "".join(traceback.format_exception(report.cause))
        except Died:
            how = "dead"
        except USpeedoError as error:
            how = repr(error)
        except Exception as error:  # noqa: BLE001 - whatever else comes out of a campaign is a finding
            how, fault = repr(error), "".join(traceback.format_exception(error))
        journal.is_over(name, how)
    return Ended(name, draws, report, how, fault)


def config_of(world: World, campaign: str, draws: Draws) -> CampaignConfig:
    """The arguments of an attempt. Nothing is judged by ratios: most of what is sent may be rejected."""
    return CampaignConfig(
        campaign_id=campaign,
        columns=Columns("phone", ("name",), user_id="who", keys=world.keys),
        template_id="T1",
        default_region="HK",
        chunk_size=draws.chunk_size,
        concurrency=draws.concurrency,
        slice_=draws.slice_,
        max_failure_ratio=1.0,
        rules=draws.rules,
    )

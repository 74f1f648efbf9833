# SPDX-License-Identifier: Apache-2.0
"""drt, as its documents have it: ``rest_api`` in batch mode, with and without its ledger.

It is set up as for the page on reliability, but for the columns of the table. The clock starts when its command begins,
after its imports.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

from tests.benchmarks.contender import CHUNK, KEY, SECRET, Contender, Job

FILES = Path(__file__).parent / "drt"


def prepare(job: Job, *, keeps: bool) -> Callable[[], object]:
    import duckdb  # noqa: F401 - what it imports when it reads
    import httpx  # noqa: F401 - when it posts
    import psycopg2  # noqa: F401 - when it asks its ledger
    from drt.cli.main import app

    folder = Path(job.folder)
    given = job.ledger or {"host": "", "port": 5432, "login": "", "schema": ""}
    values = {"table": job.table, "url": job.url, "chunk": CHUNK, **given}
    for name, target in (("texts.yml", "syncs/texts.yml"), ("profiles.yml", ".drt/profiles.yml")):
        (folder / target).parent.mkdir(exist_ok=True)
        (folder / target).write_text(Template((FILES / name).read_text()).substitute(values))
    project = (FILES / "drt_project.yml").read_text()
    (folder / "drt_project.yml").write_text(project + ((FILES / "ledger.yml").read_text() if keeps else ""))

    def run() -> None:
        code = app(["run"], standalone_mode=False)
        if code:
            raise RuntimeError(f"drt ended with {code}")

    return run


def surroundings(job: Job) -> dict[str, str]:
    return {
        "USPEEDO_KEY": KEY,
        "USPEEDO_SECRET": SECRET,
        "LEDGER_PASSWORD": (job.ledger or {}).get("password") or "",
    }


OF_BOTH: dict[str, Any] = {
    "environment": surroundings,
    "distribution": "drt-core",
    "most_rows": 100_000,
    "once_from": 100_000,
}
CONTENDERS = (
    Contender("drt", "`rest_api`, batches of 1000", partial(prepare, keeps=False), place=6, **OF_BOTH),
    Contender(
        "drt, ledger",
        "the same with `state.backend: warehouse` (PostgreSQL), `state.idempotency: true`, `idempotency_key` the phone",
        partial(prepare, keeps=True),
        place=7,
        database="postgresql",
        **OF_BOTH,
    ),
)

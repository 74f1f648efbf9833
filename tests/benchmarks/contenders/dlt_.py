# SPDX-License-Identifier: Apache-2.0
"""dlt, as its page on custom destinations has it: a resource, and a function that gets a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.contender import CHUNK, KEY, SECRET, Contender, Job, grouped_records


def prepare(job: Job) -> Callable[[], object]:
    import dlt
    import requests
    from pyarrow.parquet import ParquetFile

    session = requests.Session()
    session.auth = (KEY, SECRET)

    @dlt.destination(batch_size=CHUNK, name="uspeedo")
    def uspeedo(items: Any, table: Any) -> None:
        url = f"{job.url}/api/v1/usms/SendBatchUSMSMessage"
        answer = session.post(url, json={"TaskContent": grouped_records(items)}, timeout=30)
        answer.raise_for_status()
        if answer.json()["RetCode"]:
            raise RuntimeError(f"RetCode {answer.json()['RetCode']}")

    @dlt.resource(name="people")
    def people() -> Iterator[Any]:
        for batch in ParquetFile(job.table).iter_batches(CHUNK):
            yield batch.to_pylist()

    def run() -> None:
        pipeline = dlt.pipeline("texts", destination=uspeedo, pipelines_dir=job.folder)
        pipeline.run(people()).raise_on_failed_jobs()

    return run


CONTENDERS = (
    Contender(
        "dlt",
        "`@dlt.destination(batch_size=1000)`; its normalise and load steps as they are",
        prepare,
        place=8,
        distribution="dlt",
        environment=lambda job: {"RUNTIME__DLTHUB_TELEMETRY": "false"},
        most_rows=100_000,
        once_from=100_000,
    ),
)

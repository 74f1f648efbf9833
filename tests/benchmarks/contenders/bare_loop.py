# SPDX-License-Identifier: Apache-2.0
"""The least that texts everybody: read, write JSON, post. No ledger, no signature, no checks, no results."""

from __future__ import annotations

from collections.abc import Callable

from tests.benchmarks.contender import CHUNK, KEY, PARAMETERS, SECRET, Contender, Job, grouped

AT_MOST_WAITING = 2
"""Batches for each thread that are read ahead."""


def prepare(job: Job) -> Callable[[], object]:
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import orjson
    import requests
    from pyarrow.parquet import ParquetFile

    mine = threading.local()

    def send(columns: dict[str, list[str]]) -> None:
        parameters = zip(*(columns[name] for name in PARAMETERS), strict=True)
        rows = zip(columns["template"], columns["sender"], columns["phone"], parameters, strict=True)
        body = orjson.dumps({"Action": "SendBatchUSMSMessage", "TaskContent": grouped(rows)})
        if not hasattr(mine, "session"):
            mine.session = requests.Session()
            mine.session.auth = (KEY, SECRET)
        answer = mine.session.post(f"{job.url}/api", data=body, headers={"Content-Type": "application/json"})
        answer.raise_for_status()
        if answer.json()["RetCode"]:
            raise RuntimeError(f"RetCode {answer.json()['RetCode']}")

    def one_by_one() -> None:
        for batch in ParquetFile(job.table).iter_batches(CHUNK):
            send(batch.to_pydict())

    def at_once() -> None:
        waiting = threading.Semaphore(job.concurrency * AT_MOST_WAITING)
        sent = []
        with ThreadPoolExecutor(job.concurrency) as threads:
            for batch in ParquetFile(job.table).iter_batches(CHUNK):
                waiting.acquire()
                sent.append(threads.submit(send, batch.to_pydict()))
                sent[-1].add_done_callback(lambda _: waiting.release())
        for one in sent:
            one.result()

    return one_by_one if job.concurrency == 1 else at_once


CONTENDERS = (
    Contender(
        "bare loop",
        "pyarrow `iter_batches`, orjson, `requests.Session`; nothing checked, signed or recorded. One request at a "
        "time unless `concurrency` is given, then so many threads",
        prepare,
        place=9,
        threads=True,
    ),
)

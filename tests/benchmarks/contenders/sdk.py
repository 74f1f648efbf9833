# SPDX-License-Identifier: Apache-2.0
"""The vendor's own SDK in a loop over a DataFrame, as its example has the call and as its user would write the loop.

It logs every request at INFO, phones and all; that is switched off, which makes it faster.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.benchmarks.contender import CHUNK, KEY, SECRET, Contender, Job, grouped_records


def prepare(job: Job) -> Callable[[], object]:
    import logging

    import pandas as pd
    import pyarrow.parquet  # noqa: F401 - what pandas imports when it reads
    from uspeedo.client import Client

    logging.disable(logging.CRITICAL)
    client = Client({"public_key": KEY, "private_key": SECRET, "base_url": f"{job.url}/api"})

    def run() -> None:
        people = pd.read_parquet(job.table).to_dict("records")
        for start in range(0, len(people), CHUNK):
            content = grouped_records(people[start : start + CHUNK])
            client.asms().send_batch_usms_message({"TaskContent": content})

    return run


CONTENDERS = (
    Contender(
        "SDK in a loop",
        "`pandas.read_parquet`, `to_dict`, 1000 people a call of `send_batch_usms_message`, its log switched off",
        prepare,
        place=3,
        distribution="uspeedo-sdk-py",
        most_rows=1_000_000,
        once_from=1_000_000,
    ),
)

# SPDX-License-Identifier: Apache-2.0
"""The vendor's own SDK in a loop over a DataFrame, as its example has the call and as its users write the loop.

Most of them do it row by row with ``iterrows``, some who have met the price of that with ``to_dict``. The SDK logs
every request at INFO, phones and all; that is switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tests.benchmarks.contender import CHUNK, KEY, SECRET, Contender, Job, grouped_records


def row_by_row(portion: Any) -> Sequence[Mapping[Any, str]]:
    return [row for _, row in portion.iterrows()]


def prepare(job: Job, *, at_once: bool) -> Callable[[], object]:
    import logging

    import pandas as pd
    import pyarrow.parquet  # noqa: F401 - what pandas imports when it reads
    from uspeedo.client import Client

    logging.disable(logging.CRITICAL)
    client = Client({"public_key": KEY, "private_key": SECRET, "base_url": f"{job.url}/api"})

    def run() -> None:
        people = pd.read_parquet(job.table)
        records = people.to_dict("records") if at_once else []
        for start in range(0, len(people), CHUNK):
            portion = records[start : start + CHUNK] or row_by_row(people[start : start + CHUNK])
            content = grouped_records(portion)
            client.asms().send_batch_usms_message({"TaskContent": content})

    return run


OF_BOTH: dict[str, Any] = {"distribution": "uspeedo-sdk-py", "most_rows": 1_000_000}
CONTENDERS = (
    Contender(
        "SDK in a loop",
        "`pandas.read_parquet`, `iterrows`, 1000 people a call of `send_batch_usms_message`, its log switched off",
        partial(prepare, at_once=False),
        place=4,
        once_from=100_000,
        **OF_BOTH,
    ),
    Contender(
        "SDK, to_dict",
        "the same, with `to_dict` of the whole table instead of `iterrows`",
        partial(prepare, at_once=True),
        place=5,
        once_from=1_000_000,
        **OF_BOTH,
    ),
)

# SPDX-License-Identifier: Apache-2.0
"""The table through dlt, as its page on custom destinations has it: one call of the function is one request.

``python with_dlt.py TABLE URL BATCH_SIZE [keep-failed]``; its folder of pipelines is the current one. Runs where dlt
is.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import dlt
import pyarrow.parquet
import requests
from dlt.common.destination.exceptions import DestinationTerminalException

TABLE, URL, BATCH_SIZE = sys.argv[1], sys.argv[2], int(sys.argv[3])
KEEP_FAILED = sys.argv[4:] == ["keep-failed"]
SESSION = requests.Session()
SESSION.auth = (os.environ["USPEEDO_KEY"], os.environ["USPEEDO_SECRET"])


@dlt.destination(batch_size=BATCH_SIZE, name="uspeedo")
def uspeedo(items, table):
    try:
        send(items)
    except Exception as error:
        if KEEP_FAILED:
            raise DestinationTerminalException(str(error)) from error
        raise


def send(items: list[dict[str, str]]) -> None:
    """One request; raises unless the API took it.

    Whom it refused stands in the answer's body, for which dlt has no place: to raise would send the whole batch again.
    """
    targets = [{"Phone": person["phone"], "TemplateParams": [person["name"]]} for person in items]
    body = {"TaskContent": [{"TemplateId": "UTA_PARCEL", "SenderId": "", "Target": targets}]}
    answer = SESSION.post(f"{URL}/api/v1/usms/SendBatchUSMSMessage", json=body, timeout=30)
    answer.raise_for_status()
    if int(answer.json()["RetCode"]):
        raise RuntimeError(f"RetCode {answer.json()['RetCode']}")


@dlt.resource(name="people")
def people():
    for batch in pyarrow.parquet.ParquetFile(TABLE).iter_batches(1000):
        yield batch.to_pylist()


def main() -> None:
    pipeline = dlt.pipeline("texts", destination=uspeedo, pipelines_dir=str(Path.cwd()))
    load = pipeline.run(people())
    print(load)
    if not KEEP_FAILED:
        load.raise_on_failed_jobs()
    # A run that finds a package of an earlier one loads that, so what is counted is what the packages hold.
    jobs = [job for package in load.load_packages for job in package.jobs["completed_jobs"]]
    loaded = [job.file_path for job in jobs if job.job_file_info.table_name == "people"]
    print("REPORT", json.dumps({"sent": sum(count(Path(path)) for path in loaded)}))


def count(path: Path) -> int:
    """Rows of one job file, which dlt keeps after it has been loaded."""
    lines = gzip.decompress(path.read_bytes()).splitlines()
    return sum(len(rows) if isinstance(rows := json.loads(line), list) else 1 for line in lines)


if __name__ == "__main__":
    main()

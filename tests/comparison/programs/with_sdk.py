# SPDX-License-Identifier: Apache-2.0
"""The table through the vendor's own SDK, as its example has it, in a loop: 1000 people a call, with its retries on.

``python with_sdk.py TABLE URL``. The example sends one call and prints the answer. The loop, the second and third try
of a call that raised, and the counting are what somebody would write around it. Runs where the SDK is.
"""

from __future__ import annotations

import json
import logging
import os
import sys

import pyarrow.parquet
from uspeedo.client import Client

TABLE, URL = sys.argv[1:3]
BATCH_SIZE, TRIES = 1000, 3


# [START sdk_loop]
def send(client: Client, people: list[dict[str, str]]) -> int:
    """The number accepted, as the answer has it.

    :raises SystemExit: every try of the call raised.
    """
    targets = [{"Phone": person["phone"], "TemplateParams": [person["name"]]} for person in people]
    request = {"TaskContent": [{"TemplateId": "UTA_PARCEL", "SenderId": "", "Target": targets}]}
    for number in range(1, TRIES + 1):
        try:
            return int(client.asms().send_batch_usms_message(request)["SuccessCount"])
        except Exception as error:  # noqa: BLE001 - the SDK lets errors of its HTTP library through
            print(f"{type(error).__name__}, try {number} of {TRIES}")
    sys.exit("stopped")


def main() -> None:
    logging.getLogger("uspeedo").setLevel(logging.CRITICAL)  # at INFO it logs every phone
    keys = {"public_key": os.environ["USPEEDO_KEY"], "private_key": os.environ["USPEEDO_SECRET"]}
    client = Client({**keys, "base_url": f"{URL}/api", "max_retries": TRIES})
    people = pyarrow.parquet.read_table(TABLE).to_pylist()
    sent = sum(send(client, people[start : start + BATCH_SIZE]) for start in range(0, len(people), BATCH_SIZE))
    print(f"{sent} accepted, {len(people) - sent} not")
    print("REPORT", json.dumps({"sent": sent}))
    # [END sdk_loop]


if __name__ == "__main__":
    main()

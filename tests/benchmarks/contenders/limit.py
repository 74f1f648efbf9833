# SPDX-License-Identifier: Apache-2.0
"""The limit: about the fastest that Python can do on this machine. polars writes the JSON, sockets carry it.

Nothing is checked, signed, looked at in the answers but that there is one, or recorded. A thread sends what is ready
while the next portion is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.contender import CHUNK, PARAMETERS, Contender, Job

PORTION = 50 * CHUNK
"""Rows that are made into requests at once."""
TARGET = '{{"Phone":"{}","TemplateParams":["' + '","'.join("{}" for _ in PARAMETERS) + '"]}}'
GROUP = '{{"TemplateId":"{}","SenderId":"{}","Target":[{}]}}'
BODY = b'{"Action":"SendBatchUSMSMessage","TaskContent":[%b]}'
HEAD = b"POST /api HTTP/1.1\r\nHost: sink\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def prepare(job: Job) -> Callable[[], object]:
    import socket
    from concurrent.futures import Future, ThreadPoolExecutor

    import polars as pl
    from pyarrow.parquet import ParquetFile

    def escaped(name: str) -> Any:
        """What texts of people's names need; a control character would need more."""
        return pl.col(name).str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)

    def bodies(portion: Any) -> list[str]:
        """The groups of each thousand rows, as JSON."""
        target = pl.format(TARGET, "phone", *map(escaped, PARAMETERS)).alias("target")
        frame = pl.from_arrow(portion).with_row_index().select("template", "sender", target, pl.col("index") // CHUNK)
        groups = frame.group_by("index", "template", "sender").agg(pl.col("target").str.join(","))
        group = pl.format(GROUP, "template", "sender", "target")
        return groups.group_by("index").agg(group.str.join(",").alias("groups"))["groups"].to_list()

    def send(connection: socket.socket, made: list[str]) -> None:
        for groups in made:
            body = BODY % groups.encode()
            connection.sendall(HEAD % len(body) + body)
            if b'"SuccessCount"' not in connection.recv(65536):
                raise RuntimeError("no answer")

    def run() -> None:
        place = urlsplit(job.url)
        with socket.create_connection((place.hostname, place.port)) as connection, ThreadPoolExecutor(1) as thread:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sending: Future[None] | None = None
            for portion in ParquetFile(job.table).iter_batches(PORTION):
                made = bodies(portion)
                if sending:
                    sending.result()
                sending = thread.submit(send, connection, made)
            if sending:
                sending.result()

    return run


CONTENDERS = (
    Contender(
        "the limit",
        "polars writes the JSON of 50,000 rows at once, one raw socket carries it; nothing checked, signed or recorded",
        prepare,
        place=10,
    ),
)

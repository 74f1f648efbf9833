# SPDX-License-Identifier: Apache-2.0
"""A USpeedo that costs next to nothing: it counts the numbers of a request, waits, and answers that it took them all.

A program of its own, which shares no code with anything it measures and is run without site-packages:
``python -I -S sink.py LATENCY [read]`` (seconds) prints its port, serves until its standard input ends, then prints
what came. With ``read`` it reads each message as well, which takes time, and sums up who is to get what.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

NUMBER = b'"Phone"'
END_OF_HEAD = b"\r\n\r\n"
TEXT = "Dear {1}, {2} is due on {3}."
"""Of every template: as many variables as the table has parameters."""


@dataclass
class Came:
    """What came.

    :param numbers: in all requests to send.
    :param requests: to send.
    :param questions: all others, which ask for templates.
    :param content: the sum of all messages, in whatever order they came; 0 where they are not read.
    :param cpu: seconds of processor time of this process since it was ready to serve.
    """

    numbers: int = 0
    requests: int = 0
    questions: int = 0
    content: int = 0
    cpu: float = 0.0


class Connection(asyncio.Protocol):
    """One connection; it takes one request after the other, each with its length."""

    def __init__(self, came: Came, latency: float, *, reads: bool) -> None:
        self._came = came
        self._latency = latency
        self._reads = reads
        self._waiting = bytearray()
        self._head = self._whole = 0  # bytes of the request that is coming in; 0: its head is not complete

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._later = asyncio.get_running_loop().call_later

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while self._whole or self._read_head():
            if len(self._waiting) < self._whole:
                return
            answer = self._answer()
            del self._waiting[: self._whole]
            self._whole = 0
            if self._latency:
                self._later(self._latency, self._transport.write, answer)
            else:
                self._transport.write(answer)

    def _read_head(self) -> bool:
        end = self._waiting.find(END_OF_HEAD)
        if end < 0:
            return False
        lines = bytes(self._waiting[:end]).lower().split(b"\r\n")
        (length,) = (line.partition(b":")[2] for line in lines if line.startswith(b"content-length:"))
        self._head = end + len(END_OF_HEAD)
        self._whole = self._head + int(length)
        return True

    def _answer(self) -> bytes:
        came = self._came
        numbers = self._waiting.count(NUMBER, self._head, self._whole)
        if not numbers:
            return self._templates()
        if self._reads:
            came.content += sum(map(hashed, messages(json.loads(self._waiting[self._head : self._whole]))))
        came.numbers += numbers
        came.requests += 1
        name = f"{came.requests:08}"
        return reply(
            b'{"RetCode":0,"Action":"SendBatchUSMSMessageResponse","Message":"OK","SessionNo":"S%b","SuccessCount":%d,'
            b'"ReqUuid":"r%b","RequestUuid":"r%b"}' % (name.encode(), numbers, name.encode(), name.encode())
        )

    def _templates(self) -> bytes:
        self._came.questions += 1
        asked = json.loads(self._waiting[self._head : self._whole])
        if asked.get("Action") != "QueryUSMSTemplate":
            return reply(b'{"RetCode":160,"Message":"no such action"}')
        found = [{"TemplateId": one, "Template": TEXT, "Purpose": 2, "Status": 2} for one in asked["TemplateId"]]
        return reply(json.dumps({"RetCode": 0, "Message": "OK", "Data": found}).encode())


def messages(body: dict[str, Any]) -> Iterator[Sequence[str]]:
    """Of each message in a request: template, sender, phone, parameters."""
    for group in body["TaskContent"]:
        for target in group["Target"]:
            yield group["TemplateId"], group["SenderId"], target["Phone"], *target["TemplateParams"]


def hashed(message: Sequence[str]) -> int:
    """A message as a number; the sum of many does not depend on their order."""
    return int.from_bytes(hashlib.sha256(json.dumps(message).encode()).digest()[:8], "big")


def reply(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def serve(latency: float, *, reads: bool) -> None:
    came, loop, over = Came(), asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Connection(came, latency, reads=reads), "127.0.0.1", 0, backlog=256)
    loop.add_reader(sys.stdin.fileno(), over.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    ready = time.process_time()
    await over.wait()
    came.cpu = time.process_time() - ready
    print(json.dumps(asdict(came)), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), reads=sys.argv[2:] == ["read"]))

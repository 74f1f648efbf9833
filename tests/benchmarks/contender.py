# SPDX-License-Identifier: Apache-2.0
"""What a contender is, and all that there are: each module in ``contenders`` names its own in ``CONTENDERS``.

Nothing here imports more than the standard library: contenders run in the environment of the peers as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGE = "tests.benchmarks.contenders"
CHUNK = 1000
"""Recipients in one request, for all."""
KEY, SECRET = "key", "not-a-secret"
PARAMETERS = ("name", "amount", "day")
"""The columns that fill a text; the others are ``phone``, ``template`` and ``sender``."""


@dataclass(frozen=True)
class Job:
    """What one process is to do, as plain JSON.

    :param folder: an empty folder, its current one and its home; of a second run the one of the first.
    :param url: of the sink, without ``/api``.
    :param ledger: a database as the fields of an Airflow connection, for those that ask for one.
    :param campaigns: the table is sent under each of these names in turn; other contenders know no campaigns
        and send it once.
    :param expects: the rows in each status after each campaign; ``None``: all are accepted.
    :param fails: the task must end with an error, and its counts be those.
    :param policy: the operator's argument, where there is one.
    :param warm: what is imported when it is first needed is imported before the clock starts.
    """

    table: str
    url: str
    folder: str
    concurrency: int
    ledger: dict[str, Any] | None = None
    campaigns: list[str] = field(default_factory=lambda: ["benchmark"])
    expects: dict[str, int] | None = None
    fails: bool = False
    policy: dict[str, Any] | None = None
    warm: bool = True


@dataclass(frozen=True)
class Contender:
    """One way to text a table.

    :param name: of its row.
    :param about: what is set, and what is left at its default, in words.
    :param distribution: whose version counts, if any.
    :param prepare: imports what is needed and returns what is measured; runs in the contender's own process. What is
        measured may return further figures.
    :param environment: what its process finds beside what all have.
    :param peer: it runs in the environment of the peers.
    :param database: it needs an empty database of this kind, ``postgresql`` or ``mysql``.
    :param threads: it can have several requests on their way, as many as the scene says.
    :param concurrency: how many where the scene says nothing.
    :param most_rows: a larger table takes it too long.
    :param once_from: a table of so many rows or more is sent once only, whatever the rounds.
    :param reruns: a second run in the same folder is to send nothing.
    :param own: it is this package: it plays the scenes of messy tables, of old ledgers and of small tables as well.
    :param place: its place in the tables.
    """

    name: str
    about: str
    prepare: Callable[[Job], Callable[[], object]]
    place: int
    distribution: str = ""
    environment: Callable[[Job], dict[str, str]] = field(default=lambda job: {})
    peer: bool = True
    database: str = ""
    threads: bool = False
    concurrency: int = 1
    most_rows: int = 5_000_000
    once_from: int = 5_000_000
    reruns: bool = False
    own: bool = False


def grouped(rows: Iterable[tuple[str, str, str, Sequence[str]]]) -> list[dict[str, Any]]:
    """The content of one request, as the API has it: the targets under their template and sender.

    :param rows: template, sender, phone, parameters.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for template, sender, phone, parameters in rows:
        groups.setdefault((template, sender), []).append({"Phone": phone, "TemplateParams": parameters})
    return [{"TemplateId": of[0], "SenderId": of[1], "Target": targets} for of, targets in groups.items()]


def grouped_records(people: Iterable[Mapping[Any, str]]) -> list[dict[str, Any]]:
    """The same, of rows that are mappings."""
    return grouped((one["template"], one["sender"], one["phone"], [one[name] for name in PARAMETERS]) for one in people)


def all_contenders() -> dict[str, tuple[str, Contender]]:
    """Every contender by name, with its module, in the order of the tables."""
    folder = Path(__file__).with_name("contenders")
    modules = [f"{PACKAGE}.{path.stem}" for path in sorted(folder.glob("[a-z]*.py"))]
    found = [(module, contender) for module in modules for contender in import_module(module).CONTENDERS]
    return {one.name: (module, one) for module, one in sorted(found, key=lambda pair: pair[1].place)}

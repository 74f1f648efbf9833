# SPDX-License-Identifier: Apache-2.0
"""What may forbid some people to be texted between their claim and its mark; played by processes that may be killed.

A process claims six people in two requests, a rule changes, and it marks, sends and settles. Another process goes on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from airflow_provider_uspeedo.core.contact_rules import NO_RULES, ContactRules, Exclusion
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.marking import Judge
from airflow_provider_uspeedo.ledger.store.records import Request
from tests.ledger.acting import Try, key_of, lines_of, people, resolve
from tests.ledger.faults import lost_acknowledgement
from tests.ledger.test_policy import ONE_A_WEEK, names_in, suppress

NAMES = "abcdef"
DIED = 9


@dataclass(frozen=True)
class Story:
    """What happens after the claim; each field names people.

    :param listed: they are put on the ledger's list.
    :param capped: another campaign texts them, and a cap of 1 is in force.
    :param late: the hours of these have ended.
    :param proven: a person has called them *not sent*, and it turns out that they were texted.
    :param asked: the first cap of the ledger is asked for, by a campaign that texts none of them.
    :param unrecorded: the text of the other campaign is not recorded by phone when the mark counts.
    :param lost: the acknowledgement of the first COMMIT is lost, of one that happened or of one that did not.
    :param probe: a first request that is emptied is followed by one recipient of the next, as a canary is.
    """

    listed: str = ""
    capped: str = ""
    late: str = ""
    proven: str = ""
    asked: bool = False
    unrecorded: bool = False
    lost: bool | None = None
    probe: bool = False

    @property
    def rules(self) -> ContactRules:
        return ONE_A_WEEK if self.capped else NO_RULES

    @property
    def forbidden(self) -> str:
        """Whom a rule forbids to text."""
        return self.listed + self.capped + self.late


STORIES = {
    "listed": Story(listed="b"),
    "a request emptied by the list": Story(listed="abc"),
    "capped": Story(capped="b"),
    "a text that is recorded by the mark that counts it": Story(capped="b", unrecorded=True),
    "contacts that the mark records": Story(listed="b", asked=True),
    "hours": Story(late="be"),
    "a deadline": Story(late=NAMES),
    "everything": Story(listed="a", capped="b", late="e"),
    "a request emptied by everything": Story(listed="a", capped="b", late="c"),
    "texted already": Story(proven="a", listed="b"),
    "emptied, since all were texted already": Story(proven="abc", late="e"),
    "a lost COMMIT": Story(listed="a", capped="b", late="e", lost=True),
    "a COMMIT that failed": Story(listed="a", capped="b", late="e", lost=False),
    "a lost COMMIT of an emptied request": Story(listed="abc", lost=True),
    "a canary emptied by its mark": Story(listed="abc", probe=True),
    "a canary emptied by a mark whose COMMIT is lost": Story(late="ab", capped="c", lost=True, probe=True),
}


@dataclass
class Played:
    """One run of a story, with people and a campaign of its own.

    :param run: its number; it dies at that gate.
    :param folder: where it writes down whom it texts.
    """

    story: str
    run: int
    folder: str
    campaign: str = field(init=False)

    def __post_init__(self) -> None:
        self.campaign = f"{self.story} {self.run}"

    @property
    def rules(self) -> Story:
        return STORIES[self.story]

    def full(self, names: str) -> list[str]:
        """The names of this run's own people."""
        return [f"{name} {self.run}" for name in names]

    def judge(self) -> Judge | None:
        """Says whose hours have ended."""
        late = [NAMES.index(name) + 1 for name in self.rules.late]
        return _late(late) if late else None

    @property
    def _journal(self) -> Path:
        return Path(self.folder, f"{self.run}.journal")

    def note(self, request: Request) -> None:
        """Writes down whom the vendor has got, before anything else can happen."""
        names = sorted(name[0] for name in names_in(request))
        with self._journal.open("ab", buffering=0) as journal:
            journal.write("".join(names).encode())

    def texted(self) -> Counter[str]:
        """How often this campaign texted each person."""
        return Counter(self._journal.read_text()) if self._journal.exists() else Counter()


def _late(rows: list[int]) -> Judge:
    def judge(_now: datetime) -> list[Exclusion]:
        return [Exclusion("not_sent", "hours: opens at 09:00", rows)]

    return judge


class Gates:
    """Ends this process after so many things that it asked of its database while it marked."""

    def __init__(self, at: int) -> None:
        self.passed = 0
        self._at = at

    def _pass(self, *_: Any) -> None:
        if self.passed == self._at:
            os._exit(DIED)
        self.passed += 1

    @contextmanager
    def after_each(self, ledger: Ledger) -> Iterator[None]:
        """A gate after every statement, and before and after every COMMIT."""
        engine = ledger.database.engine
        real = engine.dialect.do_commit

        def do_commit(connection: Any) -> None:
            self._pass()
            try:
                real(connection)
            finally:
                self._pass()

        engine.dialect.do_commit = do_commit  # type: ignore[method-assign]
        event.listen(engine, "after_cursor_execute", self._pass)
        try:
            yield
        finally:
            event.remove(engine, "after_cursor_execute", self._pass)
            engine.dialect.do_commit = real  # type: ignore[method-assign]


def play(ledger: Ledger, played: Played, at: int) -> None:
    """Plays a story, and dies at a gate of its first mark, if there are so many."""
    story = played.rules
    if story.asked:
        table = ledger.tables.ledger
        ledger.database.write(lambda connection: connection.execute(sa.update(table).values(cap_days=None)))
    late_answer = _called_not_sent(ledger, played) if story.proven else None
    one = Try(ledger, played.campaign, rules=story.rules)
    requests = one.claim(people(played.full(NAMES)), size=3)
    if late_answer is not None:
        late_answer()
    if story.listed:
        suppress(ledger, *played.full(story.listed))
    if story.asked:
        Try(ledger, f"{played.campaign} asks", rules=ONE_A_WEEK)
    if story.capped:
        _text_by_another(ledger, played)
    gates = Gates(at)
    with ExitStack() as losing:
        if story.lost is not None:
            losing.enter_context(lost_acknowledgement(ledger.database.engine, committed=story.lost))
        with gates.after_each(ledger):
            marked = one.marked(requests.pop(0), played.judge())
            if story.probe:
                probe, *requests = one.split(requests[0])
                marked = one.marked(probe, played.judge())
        _send(one, played, marked)
        for request in requests:
            _send(one, played, one.marked(request, played.judge()))
    one.end()


def _send(one: Try, played: Played, marked: Request) -> None:
    if len(marked.recipients):
        played.note(marked)
        assert one.settle(marked)


def _called_not_sent(ledger: Ledger, played: Played) -> Callable[[], object]:
    """Somebody is texted, and then called *not sent*; returns what brings the answer."""
    before = Try(ledger, played.campaign)
    (request,) = before.claim(people(played.full(played.rules.proven)))
    played.note(before.marked(request))
    before.mark_unknown(request)
    assert resolve(ledger, played.campaign, as_sent=False, by="Ann") == len(played.rules.proven)
    return lambda: before.settle(request)


def _text_by_another(ledger: Ledger, played: Played) -> None:
    other = Try(ledger, f"{played.campaign} other", rules=ONE_A_WEEK)
    (request,) = other.claim(people(played.full(played.rules.capped)))
    assert other.send(request)
    if played.rules.unrecorded:
        requests, contacts = ledger.tables.requests, ledger.tables.contacts

        def forget(connection: Any) -> None:
            connection.execute(sa.update(requests).where(requests.c.id == request.id).values(contacts=None))
            here = contacts.c.campaign_no == other.attempt.campaign_no
            connection.execute(sa.delete(contacts).where(here))

        ledger.database.write(forget)


# -- afterwards -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What the ledger says, and whom the campaign has texted by then; by the first letter of the name."""

    statuses: dict[str, str]
    texted: dict[str, int]
    rows: list[int]

    @classmethod
    def of(cls, one: Try, played: Played) -> Found:
        lines = lines_of(one.ledger, played.campaign, "row_number", "user_id", "status")
        statuses = {str(user).removeprefix("user ")[0]: str(status) for _, user, status in lines}
        assert one.counts() == Counter(statuses.values())
        return cls(statuses, dict(played.texted()), [int(str(row)) for row, *_ in lines])


def go_on(ledger: Ledger, played: Played) -> list[Found]:
    """Under the same rules; again after a person has looked; and without any rule, which is the last word."""
    story = played.rules
    found = [_attempt(ledger, played, story.rules, played.judge())]
    texted = sorted(map(key_of, played.full("".join(found[0].texted))))
    resolve(ledger, played.campaign, as_sent=True, by="Ann", only=texted)
    resolve(ledger, played.campaign, as_sent=False, by="Ann")
    found.append(_attempt(ledger, played, story.rules, played.judge()))
    next_one = Try(ledger, f"{played.campaign} next", rules=ONE_A_WEEK)
    allowed = set(story.late) - set(story.proven)
    for request in next_one.claim(people(played.full(NAMES))):
        assert {name[0] for name in names_in(next_one.marked(request))} == allowed
        allowed = set()
    assert not allowed
    if story.listed:
        suppress(ledger, *played.full(story.listed), listed=False)
    return [*found, _attempt(ledger, played, NO_RULES, None)]


def _attempt(ledger: Ledger, played: Played, rules: ContactRules, judge: Judge | None) -> Found:
    one = Try(ledger, played.campaign, rules=rules)
    for request in one.claim(people(played.full(NAMES)), size=4):
        _send(one, played, one.marked(request, judge))
    one.end()
    return Found.of(one, played)

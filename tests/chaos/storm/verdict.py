# SPDX-License-Identifier: Apache-2.0
"""What the ledger says in the end, row by row, held against what really happened.

It asks the database through its plain driver. A second text is excused only by a *not sent* that was untrue when it was
said, of that request and that person, and whose untruth the ledger had not learned before it gave the person to another
request. Everything else is the package's fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sqlalchemy.engine import URL

from tests.chaos.judge import HEADS, STATUSES, digits
from tests.chaos.storm.attempts import Ended
from tests.chaos.storm.journal import Decision, Journal, Text, Whereabouts
from tests.chaos.storm.tables import World
from tests.ledger.servers import select


class ResultLine(NamedTuple):
    """One line of the results relation."""

    row_number: int | None
    phone: str | None
    who: str | None
    status: str
    reason: str | None
    session_no: str | None


@dataclass(frozen=True)
class Complaint:
    """Something that is not as promised; ``person``: whom it happened to."""

    text: str
    person: str = ""


@dataclass(frozen=True)
class Verdict:
    """The journal on one side, the ledger on the other.

    :param last: an attempt without trouble, after all others, over the first version of the table.
    """

    journal: Journal
    ledger: URL
    campaign: str
    world: World
    ended: Sequence[Ended]
    last: Ended

    def complaints(self) -> Iterator[Complaint]:
        yield from self._attempts()
        yield from self._decisions()
        yield from self._no_second_texts()
        yield from self._no_second_requests_for_the_rejected()
        yield from self._states()
        yield from self._rows()
        yield from self._fates()
        for line in self.lines:
            yield from self._line(line)
        yield from self._told_alike()

    # -- what is asked of the ledger ----------------------------------------------------------------------------

    @cached_property
    def lines(self) -> list[ResultLine]:
        quote = "`" if self.ledger.get_backend_name() == "mysql" else '"'
        found = select(
            self.ledger,
            f"SELECT {quote}row_number{quote}, phone, user_id, status, reason, session_no FROM uspeedo_results "
            f"WHERE campaign_id = '{self.campaign}'",
        )
        return [ResultLine(*row) for row in found]

    @cached_property
    def states(self) -> dict[str, tuple[str, int]]:
        """Request -> its state, and how many recipients point at it."""
        found = select(
            self.ledger,
            "SELECT q.id, q.state, (SELECT count(*) FROM uspeedo_recipients r WHERE r.request_id = q.id AND "
            "r.campaign_no = q.campaign_no) FROM uspeedo_requests q JOIN uspeedo_campaigns c ON "
            f"c.campaign_no = q.campaign_no WHERE c.name = '{self.campaign}'",
        )
        return {bytes(request).hex(): (state, count) for request, state, count in found}

    # -- what must hold -----------------------------------------------------------------------------------------

    def _attempts(self) -> Iterator[Complaint]:
        """Each attempt ends as an attempt may, and counts every row of its own reading once."""
        for one in self.ended:
            if one.fault:
                yield Complaint(f"{one.name} ended with an error that is none of ours:\n{one.fault}")
            if one.report is None or one.report.cause or not one.report.complete or not one.draws.slice_.is_whole:
                continue
            rows = len(self.world.versions[one.draws.version])
            if one.report.summary.rows != rows:
                yield Complaint(f"{one.name} counts {one.report.summary.rows} rows, and its table has {rows}")
        if self.last.report is None or self.last.report.cause or not self.last.report.complete:
            yield Complaint(f"{self.last.name}, which met no trouble, is not through: {self.last.how}")

    def _decisions(self) -> Iterator[Complaint]:
        """*Not sent* is not taken of a request that is in its process all the time, unless a person insists."""
        for one in self.journal.decisions:
            alive = one.where is Whereabouts.LIVE and one.where_then is Whereabouts.LIVE
            if alive and one.decided and not (one.as_sent or one.in_flight):
                yield Complaint(
                    f"the ledger took 'not sent' of request {one.request[-12:]}, which was in flight",
                    min(one.people, default=""),
                )

    def _no_second_texts(self) -> Iterator[Complaint]:
        for person, texts in self.journal.texts.items():
            for number, second in enumerate(texts):
                for first in texts[:number]:
                    earlier, later = sorted(
                        (first, second), key=lambda text: self.journal.claimed.get(text.request, -1)
                    )
                    if not self._is_excused(person, earlier, later):
                        yield Complaint(
                            f"{person} was texted {len(texts)} times: by request {earlier.request[-12:]} and by "
                            f"request {later.request[-12:]}, and no untrue 'not sent' of the first excuses it",
                            person,
                        )

    def _no_second_requests_for_the_rejected(self) -> Iterator[Complaint]:
        """Whom the ledger knew to be rejected is sent to again only after a person has said so."""
        arrivals = [event for event in self.journal.events if event.what == "arrives at the vendor"]
        for number, request, rejected in self.journal.rejections:
            for later in arrivals:
                if later.number <= number or later.request == request:
                    continue
                for person in sorted(rejected & later.people):
                    learned = self.journal.learned(request, person)
                    known = learned is not None and learned < self.journal.claimed.get(later.request, -1)
                    excused = self._called_not_sent(request, person)
                    excused = excused or self.journal.reopened_between(number, later.number)
                    if known and not excused:
                        yield Complaint(f"{person} was rejected, and sent to again though nobody had re-opened", person)

    def _called_not_sent(self, request: str, person: str) -> bool:
        return any(
            one.request == request and not one.as_sent and one.counts and person in one.people
            for one in self.journal.decisions
        )

    def _is_excused(self, person: str, earlier: Text, later: Text) -> bool:
        return any(
            one.request == earlier.request and not one.is_true_of(person) and self._led_to(one, person, earlier, later)
            for one in self._lies(person)
        )

    def _led_to(self, lie: Decision, person: str, earlier: Text, later: Text) -> bool:
        claimed = self.journal.claimed.get(later.request, -1)
        learned = self.journal.learned(earlier.request, person)
        return lie.began < claimed and not (learned is not None and learned < claimed)

    def _lies(self, person: str) -> list[Decision]:
        """*Not sent*, said untruly of this person."""
        return [
            one
            for one in self.journal.decisions
            if one.counts and not one.as_sent and person in one.people and not one.is_true_of(person)
        ]

    def _states(self) -> Iterator[Complaint]:
        """What the vendor has accepted is in no state that may be taken over, and nothing is left half done."""
        accepted = {text.request for texts in self.journal.texts.values() for text in texts}
        for request in sorted(accepted):
            state, _ = self.states.get(request, ("gone", 0))
            if state not in ("settled", "unknown", "sending"):
                person = min(self.journal.accepted_of(request))
                yield Complaint(f"request {request[-12:]} was accepted, and is {state}", person)

    def _rows(self) -> Iterator[Complaint]:
        """Every row of the last reading has one line, and no other row has one."""
        times = Counter(line.row_number for line in self.lines if line.row_number is not None)
        rows = range(1, len(self._table) + 1)
        if twice := [number for number, found in times.items() if found > 1]:
            yield Complaint(f"rows {twice} have more than one line")
        if missing := [number for number in rows if number not in times]:
            yield Complaint(f"rows {missing} have no line")
        if made_up := [number for number in times if number not in rows]:
            yield Complaint(f"rows {made_up} have a line, and the table has no such rows")

    def _fates(self) -> Iterator[Complaint]:
        """Each person in the table, or texted, has one line that shows the outcome."""
        fates = Counter(line.who for line in self.lines if line.status in HEADS)
        wanted = {row.who for row in self._table if row.sendable} | self.journal.texts.keys()
        for person in sorted(wanted | {who for who in fates if who}):
            if fates[person] != 1:
                yield Complaint(f"{person} has {fates[person]} fates", person)

    def _line(self, line: ResultLine) -> Iterator[Complaint]:
        person = line.who or ""
        where = f"row {line.row_number} ({person or 'nobody'})"
        texted = person in self.journal.texts
        if line.status not in STATUSES:
            yield Complaint(f"{where} has the status {line.status!r}, which is none", person)
        if line.status == "accepted":
            yield from self._accepted(line, where)
        if line.status == "rejected" and (person not in self.journal.rejected or (texted and not self._lies(person))):
            yield Complaint(f"{where} is rejected; accepted by the vendor: {texted}", person)
        if line.status == "not_sent" and (line.row_number is not None or (texted and not self._lies(person))):
            yield Complaint(f"{where} is not sent in the end; accepted by the vendor: {texted}", person)
        if line.status == "unknown":
            yield Complaint(f"{where} is unknown though a person has told the truth of everybody", person)
        if line.row_number is not None and line.row_number <= len(self._table):
            yield from self._own_row(line, where)

    def _accepted(self, line: ResultLine, where: str) -> Iterator[Complaint]:
        person = line.who or ""
        resolved = (line.reason or "").startswith("resolved by")
        if resolved and any(one.as_sent and one.counts and person in one.people for one in self.journal.decisions):
            if person not in self.journal.texts and not self._called_sent_untruly(person):
                yield Complaint(f"{where} is accepted by a person's word, which was not given", person)
        elif person not in self.journal.texts:
            yield Complaint(f"{where} is accepted, and the vendor has not accepted it", person)
        elif line.session_no not in self.journal.sessions[person]:
            yield Complaint(
                f"{where} is accepted in session {line.session_no}; the vendor says {self.journal.sessions[person]}",
                person,
            )

    def _called_sent_untruly(self, person: str) -> bool:
        return any(
            one.as_sent and one.counts and person in one.people and not one.is_true_of(person)
            for one in self.journal.decisions
        )

    def _own_row(self, line: ResultLine, where: str) -> Iterator[Complaint]:
        row = self._table[(line.row_number or 1) - 1]
        if not row.sendable:
            known = row.has_phone or self.world.by_who
            if line.status != "invalid" and not (known and line.status in HEADS):
                yield Complaint(f"{where} is {line.status}, and the row cannot be sent", row.who)
        elif line.status not in (*HEADS, "duplicate"):
            yield Complaint(f"{where} is {line.status} ({line.reason}), and there is nothing wrong with it", row.who)
        elif line.who != row.who or (line.status != "duplicate" and not self._is_phone_of(line, row.who)):
            yield Complaint(f"{where} is about another person than the table says: {row.who}", row.who)

    def _is_phone_of(self, line: ResultLine, who: str) -> bool:
        """The phone of that person in some version of the table, however it was spelled."""
        phones = {digits(row.phone)[-8:] for rows in self.world.versions for row in rows if row.who == who}
        return digits(line.phone)[-8:] in phones

    def _told_alike(self) -> Iterator[Complaint]:
        """What the last attempt said, what its XCom says, and what the results say is the same."""
        if self.last.report is None:
            return
        xcom = self.last.report.summary.to_xcom()
        counted = Counter(line.status for line in self.lines if line.row_number is not None)
        for status in STATUSES:
            if not counted[status] == self.last.report.summary[status] == xcom[status]:
                yield Complaint(
                    f"{status}: {counted[status]} lines, {self.last.report.summary[status]} in the summary, "
                    f"{xcom[status]} in the XCom"
                )
        if xcom["rows"] != len(self._table):
            yield Complaint(f"the XCom says {xcom['rows']} rows, and the table has {len(self._table)}")

    @property
    def _table(self) -> Sequence[object]:
        return self.world.versions[self.last.draws.version]

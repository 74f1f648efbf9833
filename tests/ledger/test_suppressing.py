# SPDX-License-Identifier: Apache-2.0
"""The suppression list: who is on it, who changes it, and what a mark *sending* can see of a change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import wait
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.suppressions import Suppressions
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import OpenLedger, Try, key_of, people, person
from tests.ledger.faults import Pause, in_background, lost_acknowledgement
from tests.ledger.killing import dies_at
from tests.ledger.servers import SERVERS

PHONE = "+852 5531 1111"
OTHER = "+852 5531 2222"
WHY = {"reason": "asked us to stop", "by": "ann"}


@pytest.fixture
def own(open_ledger: OpenLedger, empty_url: URL) -> Ledger:
    """A ledger of this test alone; nothing is in the database yet."""
    return open_ledger(empty_url)


@pytest.fixture
def admin(own: Ledger) -> LedgerAdmin:
    """Its administrator."""
    return LedgerAdmin(own)


def number_of(ledger: Ledger) -> int:
    """What a mark compares."""
    return int(ledger.database.read(lambda c: c.execute(sa.select(ledger.tables.ledger.c.suppressions)).scalar_one()))


def listed(ledger: Ledger) -> set[bytes]:
    """The hashes on the list."""
    column = ledger.tables.suppressed.c.phone_hash
    return {bytes(one) for one in ledger.database.read(lambda c: c.execute(sa.select(column)).scalars().all())}


def hashed(ledger: Ledger, *phones: str) -> set[bytes]:
    """Of phones as they are normalised, by the key that the ledger holds."""
    query = sa.select(ledger.tables.ledger.c.phone_key)
    hasher = PhoneHasher(bytes(ledger.database.read(lambda c: c.execute(query).scalar_one())))
    return set(hasher.of_phones(phones))


def phones(count: int, first: int = 55310000) -> Iterator[str]:
    """Different ones of Hong Kong."""
    return (f"+852{number}" for number in range(first, first + count))


def test_a_phone_is_put_on_the_list_of_a_ledger_that_is_not_there_yet(own: Ledger, admin: LedgerAdmin) -> None:
    """Before the first campaign, too; in any spelling it is one entry."""
    assert admin.suppress_list().phones == 0
    done = admin.suppress_add([PHONE, "(852)55311111", "0085255311111"], **WHY)
    assert (done.rows, done.changed, done.unreadable, done.unreadable_rows) == (3, 1, 0, "")
    assert listed(own) == hashed(own, "(852)55311111")
    (entry,) = admin.suppress_list().newest
    assert (entry.reason, entry.by, entry.hash) == ("asked us to stop", "ann", next(iter(listed(own))).hex()[:8])
    assert admin.suppress_check("5531-1111", default_region="HK") == [entry]
    assert admin.suppress_check(OTHER) == []


def test_an_entry_keeps_who_put_it_there_and_why(own: Ledger, admin: LedgerAdmin) -> None:
    """The second person changes nothing, so no mark looks at the list again."""
    admin.suppress_add([PHONE], **WHY)
    number, (first,) = number_of(own), admin.suppress_list().newest
    assert admin.suppress_add([PHONE], reason="something else", by="bob").changed == 0
    assert admin.suppress_list().newest == (first,)
    assert number_of(own) == number


def test_every_change_gives_the_ledger_another_number(own: Ledger, admin: LedgerAdmin) -> None:
    """It never comes back to one that a claim has seen."""
    own.prepare()
    numbers = [number_of(own)]
    for change in (
        lambda: admin.suppress_add([PHONE], **WHY),
        lambda: admin.suppress_remove([PHONE]),
        lambda: admin.suppress_add([PHONE], **WHY),
        lambda: admin.suppress_import(phones(3), **WHY),
    ):
        assert change().changed
        numbers.append(number_of(own))
    assert numbers == sorted(set(numbers))


def test_a_phone_is_taken_off_the_list_once(own: Ledger, admin: LedgerAdmin) -> None:
    """And others stay."""
    admin.suppress_add([PHONE, OTHER], **WHY)
    assert admin.suppress_remove(["55311111"], default_region="HK").changed == 1
    assert admin.suppress_remove([PHONE]).changed == 0
    assert listed(own) == hashed(own, "(852)55312222")


def test_a_text_that_may_be_two_numbers_puts_both_on_the_list(own: Ledger, admin: LedgerAdmin) -> None:
    """An opt-out must not be missed; but none is taken away by such a text. What is clear is one entry."""
    assert admin.suppress_add(["6591234567"], default_region="US", **WHY).changed == 2
    both = hashed(own, "(1)6591234567", "(65)91234567")
    assert listed(own) == both
    with pytest.raises(ConfigurationError, match="write it with"):
        admin.suppress_remove(["6591234567"], default_region="US")
    assert admin.suppress_add(["13812345678"], default_region="CN", **WHY).changed == 1
    assert listed(own) == both | hashed(own, "(86)13812345678")


def test_both_spellings_of_one_handset_come_and_go_together(own: Ledger, admin: LedgerAdmin) -> None:
    """A campaign that began before Brazil's ninth digit was read sends to the other one."""
    admin.suppress_add(["+55 11 98765-4321"], **WHY)
    assert listed(own) == hashed(own, "(55)11987654321", "(55)1187654321")
    assert admin.suppress_remove(["+55 11 8765-4321"]).changed == 2
    assert listed(own) == set()


@pytest.mark.parametrize("verb", ["suppress_add", "suppress_remove"])
def test_a_text_that_is_no_phone_changes_nothing(own: Ledger, admin: LedgerAdmin, verb: str) -> None:
    """And is not quoted, not even half."""
    admin.suppress_add([OTHER], **WHY)
    before, how = listed(own), WHY if verb == "suppress_add" else {}
    with pytest.raises(ConfigurationError, match=r"Of 2 rows 1 cannot be read as phones: row 2 \(1 x ") as error:
        getattr(admin, verb)([PHONE, "5531 1111 or so"], **how)
    assert "5531" not in str(error.value)
    assert listed(own) == before


def test_an_import_leaves_out_one_row_in_a_hundred(own: Ledger, admin: LedgerAdmin) -> None:
    """Rows are named by their number; one more and the list is refused whole, unless that is agreed to."""
    good = list(phones(198))
    lines = [*good[:50], "no phone", *good[50:], "", None, "12"]
    done = admin.suppress_import(lines, **WHY)
    assert (done.rows, done.changed, done.unreadable) == (200, 198, 2)
    assert done.unreadable_rows.startswith("rows 51, 202 (1 x ")
    with pytest.raises(ConfigurationError, match=r"Of 202 rows 3 cannot be read .* Nothing was changed\. At most 1%"):
        admin.suppress_import([*lines, "another", *phones(1, 66660000)], **WHY)
    assert len(listed(own)) == 198
    assert admin.suppress_import(["another", *phones(1, 66660000)], accept_unreadable=True, **WHY).changed == 1


@pytest.mark.parametrize("lines", [[], ["", None, " "]])
def test_an_empty_list_is_refused(admin: LedgerAdmin, lines: list[Any]) -> None:
    """It is the wrong file, or the wrong column."""
    with pytest.raises(ConfigurationError, match="The list has no phones"):
        admin.suppress_import(lines, **WHY)


def test_a_list_without_any_phone_is_refused_whatever_is_agreed_to(admin: LedgerAdmin) -> None:
    """Nothing would be on the list afterwards, and everybody would believe that it is."""
    with pytest.raises(ConfigurationError, match="Of 2 rows 2 cannot be read"):
        admin.suppress_import(["id", "name"], accept_unreadable=True, **WHY)


def test_one_text_is_no_list(admin: LedgerAdmin) -> None:
    """Its characters would be read as phones."""
    with pytest.raises(ConfigurationError, match="not one text"):
        admin.suppress_add(PHONE, **WHY)


def test_a_reason_cannot_hold_the_phone(own: Ledger, admin: LedgerAdmin) -> None:
    """It is kept beside the hash."""
    admin.suppress_add([PHONE], reason="called from 5531 1111, ticket 42", by="ann")
    assert admin.suppress_list().newest[0].reason == "called from ****1111, ticket 42"


@pytest.mark.parametrize("how", [{"reason": " "}, {"reason": "a\nb"}, {"reason": "r" * 501}, {"by": ""}])
def test_who_and_why_must_be_said(own: Ledger, admin: LedgerAdmin, how: dict[str, str]) -> None:
    """Before anything is changed or created."""
    with pytest.raises(ConfigurationError, match=r"^(reason|by) must"):
        admin.suppress_add([PHONE], **(WHY | how))
    assert not own.exists()


def test_the_list_counts_by_person_and_reason(admin: LedgerAdmin) -> None:
    """The largest group first; entries, the newest first."""
    admin.suppress_import(phones(3), reason="import of may", by="bob")
    admin.suppress_add([PHONE], **WHY)
    found = admin.suppress_list(2)
    assert (found.phones, len(found.newest)) == (4, 2)
    assert [(one.reason, one.by, one.phones) for one in found.groups] == [
        ("import of may", "bob", 3), ("asked us to stop", "ann", 1),
    ]  # fmt: skip
    assert found.newest[0].by == "ann"
    with pytest.raises(ConfigurationError, match="limit"):
        admin.suppress_list(0)


@pytest.mark.parametrize("verb", ["suppress_remove", "suppress_check"])
def test_there_must_be_a_ledger_to_look_at(own: Ledger, admin: LedgerAdmin, verb: str) -> None:
    """Looking creates none."""
    with pytest.raises(ConfigurationError, match="There is no ledger here yet"):
        getattr(admin, verb)([PHONE] if verb == "suppress_remove" else PHONE)
    assert not own.exists()


# -- faults, and several at once -----------------------------------------------------------------------------------


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_acknowledgement_is_repeated(own: Ledger, admin: LedgerAdmin, committed: bool) -> None:
    """The count is that of the transaction that made the change."""
    own.prepare()
    with lost_acknowledgement(own.database.engine, after=2, committed=committed) as happened:
        assert admin.suppress_add([PHONE, OTHER], **WHY).changed == 2
    assert happened
    assert len(listed(own)) == 2
    with lost_acknowledgement(own.database.engine, after=2, committed=committed) as happened:
        assert admin.suppress_remove([PHONE, OTHER]).changed == 2
    assert happened
    assert listed(own) == set()


def import_ten(admin: LedgerAdmin) -> None:
    """In transactions of three."""
    suppressions = Suppressions(admin.ledger, phones_at_once=3)
    suppressions.add(suppressions.hasher().of_phones(_normalised(10)), "r", "ann")


def _normalised(count: int) -> list[str]:
    return [f"(852){55310000 + number}" for number in range(count)]


STEPS = [
    ("INSERT INTO uspeedo_suppressed", 0, 0), ("INSERT INTO uspeedo_suppressed", 4, 3), ("SET suppressions", 0, 0),
    ("SET suppressions", 2, 6),
]  # fmt: skip


@pytest.mark.parametrize(("words", "after", "done"), STEPS)
def test_an_import_goes_on_where_it_was_killed(own: Ledger, empty_url: URL, words: str, after: int, done: int) -> None:
    """``kill -9`` anywhere: a transaction has changed list and number, or neither."""
    own.prepare()
    assert dies_at(words, import_ten, empty_url, after=after)
    assert (len(listed(own)), number_of(own)) == (done, done // 3)
    import_ten(LedgerAdmin(own))
    assert listed(own) == hashed(own, *_normalised(10))


def test_two_people_change_the_list_one_after_the_other(
    open_ledger: OpenLedger, own: Ledger, empty_url: URL, admin: LedgerAdmin
) -> None:
    """The second one waits, counts what it changed itself, and both numbers are counted up."""
    own.prepare()
    other = open_ledger(empty_url)
    before = number_of(own)
    pause = Pause(own.database.engine, "SET suppressions")
    with in_background(lambda: admin.suppress_add([PHONE, OTHER], **WHY)) as first:
        pause.wait()
        with in_background(lambda: LedgerAdmin(other).suppress_add([OTHER, "+85255313333"], **WHY)) as second:
            assert not second.done()
            pause.go()
            assert (first.result(30).changed, second.result(30).changed) == (2, 1)
    assert len(listed(own)) == 3
    assert number_of(own) == before + 2


def test_a_change_is_not_seen_before_its_commit_and_never_in_half(
    open_ledger: OpenLedger, own: Ledger, empty_url: URL, admin: LedgerAdmin
) -> None:
    """Whoever reads the number and then the list, as a mark does, cannot see the number alone."""
    own.prepare()
    other = open_ledger(empty_url)
    before = number_of(own)
    pause = Pause(own.database.engine, "SET suppressions")
    with in_background(lambda: admin.suppress_add([PHONE], **WHY)) as adding:
        pause.wait()
        assert (number_of(other), listed(other)) == (before, set())
        pause.go()
        adding.result(30)
    assert (number_of(other), len(listed(other))) == (before + 1, 1)


def test_a_ledger_whose_key_was_changed_by_hand_is_refused(own: Ledger, admin: LedgerAdmin, kind: str) -> None:
    """Its hashes would match no phone."""
    if kind == "mysql":
        pytest.skip("a BINARY column pads what is too short")
    own.prepare()
    own.database.write(lambda c: c.execute(sa.update(own.tables.ledger).values(phone_key=b"short")))
    with pytest.raises(LedgerError, match="5 bytes instead of 32"):
        admin.suppress_add([PHONE], **WHY)


# -- privacy -------------------------------------------------------------------------------------------------------


def everything(ledger: Ledger) -> str:
    """Every value of every table."""

    def work(connection: sa.engine.Connection) -> list[Any]:
        return [
            tuple(row) for table in ledger.tables.metadata.sorted_tables for row in connection.execute(table.select())
        ]

    return repr(ledger.database.read(work))


def test_no_cell_no_log_and_no_file_holds_the_phone(
    own: Ledger, admin: LedgerAdmin, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """In no spelling: neither as it was given nor its digits alone."""
    caplog.set_level("DEBUG")
    admin.suppress_add([PHONE], reason="+85255311111 opted out", by="ann")
    admin.suppress_import([PHONE, OTHER], **WHY)
    admin.suppress_check(PHONE)
    admin.suppress_list()
    admin.suppress_remove([OTHER])
    own.database.engine.dispose()
    found = [everything(own), caplog.text, *capfd.readouterr()]
    if file := own.database.file:
        found += [path.read_bytes().decode("latin-1") for path in file.parent.glob(f"{file.name}*")]
    for text in found:
        assert not re.search(r"5531[\s-]*(1111|2222)", text)


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_mark_that_has_waited_sees_the_list_as_it_is_now(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Another transaction held the request, and changed nothing in the end."""
    own = open_ledger(empty_url)
    own.prepare()
    one = Try(own, "c")
    (request,) = one.claim(people("ab"))
    q = own.tables.requests
    with open_ledger(empty_url).database.engine.connect() as holder:
        holder.execute(sa.update(q).where(q.c.id == request.id).values(reason="held"))
        with in_background(lambda: one.marked(request)) as marking:
            assert not wait([marking], 0.3).done
            LedgerAdmin(own).suppress_add([person("a", 1).phone], **WHY)
            holder.rollback()
            assert [left.key for left in marking.result(20).recipients] == [key_of("b")]

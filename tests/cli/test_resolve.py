# SPDX-License-Identifier: Apache-2.0
"""``resolve``: a person decides on lost answers, after the number of recipients was shown."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.campaign.stage import CAMPAIGN, make_order, people, phones
from tests.cli.typing_it import ROOT, unknown

DIES_IN_A_REQUEST = """
import os, sys
from pathlib import Path
from tests.campaign.stage import Scene, people
Scene(None, Path(sys.argv[1]), 0).run_with(lambda *_: os._exit(9), people(3))
"""


@pytest.mark.parametrize(
    ("said", "accepted", "texted"), [("sent", 0, 0), ("not-sent", 3, 3)], ids=["as sent", "as not sent"]
)
def test_a_decision_is_recorded(command, warehouse, said, accepted, texted):
    """Sent: the task succeeds and texts none. Not sent: the next attempt texts them, once."""
    unknown(warehouse, people(3), make_order(), accepted=False)
    done = command("resolve", CAMPAIGN, "--as", said, "--by", "Dana", "--yes")
    assert (done.code, done.err) == (0, "")
    assert "3 recipients in 1 request may or may not have been texted." in done.out
    assert re.search(r"The campaign began at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, ", done.out)
    assert ("3 recipients will be texted by a later attempt" in done.out) == (said == "not-sent")
    word = said.replace("-", " ")
    assert re.search(
        rf"Recorded 3 recipients in 1 request of campaign {CAMPAIGN!r} as {word}, by Dana, at \d{{4}}[-\d: ]+ UTC\.",
        done.out,
    )
    assert re.search(rf"resolve by Dana: 3 recipients {word}, request [0-9a-f]{{32}}", command("show", CAMPAIGN).out)
    report = warehouse.run(people(3))
    assert (report.summary.accepted_now, report.summary["accepted"]) == (accepted, 3)
    assert len(warehouse.texted()) == texted


def test_one_request_is_decided_by_the_id_that_show_lists(command, warehouse):
    """A beginning of it will do; the other one stays unknown, and what was decided is listed."""
    for at in (1, 2):
        warehouse.sandbox.fault("drop", at=at, accepted=at == 2)
    warehouse.run(people(6))
    warehouse.sandbox.clear_faults()
    ids = re.findall(r"^  ([0-9a-f]{32})  ", command("show", CAMPAIGN).out, re.MULTILINE)
    assert [one["id"] for one in json.loads(command("show", CAMPAIGN, "--json").out)["unknown_requests"]] == ids
    said = command("resolve", CAMPAIGN, "--request", ids[0][:8], "--as", "not-sent")
    if said.line.startswith("Error: Several requests begin"):  # both left within a minute
        assert all(one in said.line for one in ids)
    done = command("resolve", CAMPAIGN, "--request", ids[0], "--as", "not-sent", "--by", "Dana", "--in-flight", "--yes")
    assert (done.code, f"3 recipients in request {ids[0]} may or may not" in done.out) == (0, True)
    assert "Still unknown: 3 recipients." in done.out
    assert warehouse.statuses() == ["not_sent"] * 3 + ["unknown"] * 3
    assert re.search(r"not sent +3 +1 +Dana", command("show", CAMPAIGN).out)
    again = command("resolve", CAMPAIGN, "--request", ids[0], "--as", "sent", "--yes")
    assert (again.code, f"Error: Request {ids[0]} holds no recipient of this campaign." in again.err) == (1, True)
    last = command("resolve", CAMPAIGN, "--request", ids[1][:31], "--as", "sent", "--yes")
    assert (last.code, warehouse.statuses()) == (0, ["not_sent"] * 3 + ["accepted"] * 3)
    warehouse.run(people(6))
    assert set(warehouse.texted().values()) == {1}
    assert len(warehouse.texted()) == 6


def test_nothing_is_decided_without_a_terminal_or_a_yes(command, warehouse):
    """A script must give --yes; the number is shown all the same."""
    unknown(warehouse, people(3), make_order())
    said = command("resolve", CAMPAIGN, "--as", "not-sent")
    assert (said.code, "3 recipients" in said.out) == (1, True)
    assert said.line == "Error: There is no terminal to ask at, so nothing was changed. To confirm, add --yes."
    assert warehouse.statuses() == ["unknown"] * 3


def test_a_campaign_without_unknown_outcomes_needs_no_decision(command, warehouse):
    """That is no error."""
    warehouse.run(people(3))
    said = command("resolve", CAMPAIGN, "--as", "not-sent", "--yes")
    assert (said.code, "there is nothing to decide" in said.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Give the outcome"),
        (["--sent-file", "x", "--as", "not-sent"], "nothing follows for the others"),
        (["--as", "sent", "--column", "phone"], "--column is the column of a --sent-file"),
        (["--as", "sent", "--in-flight"], "--in-flight goes with --as not-sent"),
        (["--as", "perhaps"], "'sent', 'not-sent'"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(command, words, message):
    """Exit code 2, and the ledger is not even opened."""
    said = command("resolve", CAMPAIGN, *words)
    assert (said.code, message in said.err) == (2, True)


def test_a_request_in_flight_is_not_decided_as_not_sent_by_accident(command, warehouse):
    """A killed task left it a moment ago: it may still arrive. It takes an option of its own, and the time is shown."""
    child = [sys.executable, "-c", DIES_IN_A_REQUEST, str(warehouse.folder)]
    assert subprocess.run(child, cwd=ROOT, check=False).returncode == 9
    said = command("resolve", CAMPAIGN, "--as", "not-sent", "--yes")
    assert "In flight: 3 recipients of these" in said.out
    assert (said.code, "Nothing was decided" in said.line, "--in-flight" in said.line) == (1, True, True)
    assert command("resolve", CAMPAIGN, "--as", "not-sent", "--yes", "--in-flight").code == 0
    assert warehouse.run(people(3)).summary["accepted"] == 3


# -- a file of the vendor's console -----------------------------------------------------------------------------


def test_a_file_of_sent_numbers_decides_on_those_in_it(command, warehouse):
    """In any spelling; the others stay unknown, and the command says how many of the file were matched."""
    unknown(warehouse, people(3), make_order())
    file = warehouse.folder / "export.csv"
    file.write_text("Time;Mobile Phone;Cost\n2026-11-22 03:00;85250000000;1\n2026-11-22 03:00;+852 5900 0999;1\n")
    said = command("resolve", CAMPAIGN, "--sent-file", str(file), "--yes")
    assert said.code == 0
    assert "2 lines with 2 different numbers; 1 of them is an unknown recipient of this campaign." in said.out
    assert "Only messages of this campaign count" in said.out
    assert "Nothing follows for recipients that are not in the file." in said.out
    assert "Still unknown: 2 recipients." in said.out
    assert warehouse.statuses() == ["accepted", "unknown", "unknown"]


def test_a_file_that_lists_numbers_often_is_counted_as_what_it_is(command, warehouse):
    """An export has a line for each message, also of other campaigns: lines and numbers are told apart."""
    unknown(warehouse, people(3), make_order())
    file = warehouse.folder / "sent.txt"
    file.write_text("\n".join([*phones(people(2)), "+852 5900 0999"] * 5))
    printed = command("resolve", CAMPAIGN, "--sent-file", str(file), "--yes").out
    assert (
        "The file has 15 lines with 3 different numbers; 2 of them are unknown recipients of this campaign." in printed
    )
    assert warehouse.statuses() == ["accepted", "accepted", "unknown"]
    again = command("resolve", CAMPAIGN, "--sent-file", str(file), "--yes")
    assert "none of them is an unknown recipient of this campaign: there is nothing to decide." in again.out


def test_a_file_for_a_campaign_that_is_decided_already_is_no_error(command, warehouse):
    """Typed twice, the second time finds nothing left."""
    unknown(warehouse, people(2), make_order())
    file = warehouse.folder / "sent.txt"
    file.write_text("\n".join(phones(people(2))))
    first, again = (command("resolve", CAMPAIGN, "--sent-file", str(file), "--yes") for _ in range(2))
    assert (first.code, again.code, "has no unknown outcomes" in again.out) == (0, 0, True)


def test_one_number_in_each_line_will_do(command, warehouse):
    """Without a heading, with empty lines, as an editor saves it."""
    unknown(warehouse, people(3), make_order())
    file = warehouse.folder / "sent.txt"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(phones(people(3))).encode())
    assert "Recorded 3 recipients" in command("resolve", CAMPAIGN, "--sent-file", str(file), "--yes").out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"SQLite format 3\x00\x10\x00", "is no text file"),
        (b"PK\x03\x04\x14\x00", "is an Excel workbook"),
        (b"phone\nnone\n", "holds no phone number"),
        (b"a,b\n1,2\n", "Name it with --column: a, b"),
        (b"mobile,phone\n85250000000,85250000001\n", "it may be any of 1, 2"),
    ],
    ids=["absent", "empty", "blank", "binary", "workbook", "words", "no phone column", "two phone columns"],
)
def test_a_file_that_cannot_be_used_changes_nothing(command, warehouse, content, message):
    """One line that says what to do; no line of the file is quoted."""
    unknown(warehouse, people(3), make_order())
    file = warehouse.folder / "export.csv"
    if content is not None:
        file.write_bytes(content)
    said = command("resolve", CAMPAIGN, "--sent-file", str(file), "--yes")
    assert (said.code, said.out, message in said.line) == (1, "", True)
    assert warehouse.statuses() == ["unknown"] * 3


def test_numbers_of_no_recipient_change_nothing(command, warehouse):
    """Most likely it is the export of another campaign."""
    unknown(warehouse, people(3), make_order())
    file = warehouse.folder / "sent.txt"
    file.write_text("+852 5999 0001\n+852 5999 0002\n")
    said = command("resolve", CAMPAIGN, "--sent-file", str(file), "--yes")
    assert (said.code, "Nothing was changed" in said.line) == (1, True)
    assert warehouse.statuses() == ["unknown"] * 3

# SPDX-License-Identifier: Apache-2.0
"""``suppress``: a person's list of phones that no campaign texts; no phone of it is ever shown."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.campaign.stage import people
from tests.cli.typing_it import Command
from tests.leaks import leaks

PHONE = "+852 5000 0001"
OTHER = "+852 5000 0002"
WHY = ("--reason", "asked us to stop", "--by", "Ann")


def test_a_phone_is_put_on_the_list_before_the_first_campaign(command, warehouse):
    """The ledger is created; stdin keeps the phone off the command line."""
    said = command("suppress", "add", "-", *WHY, stdin=f"{PHONE}\n")
    put = "Put on the list: 1 phone. No request that begins from now on texts it. It is the list of the ledger in "
    assert said.out.startswith(f"{put}connection 'warehouse'")
    assert said.err.startswith("WARNING: There was no ledger in ")
    again = command("suppress", "add", *WHY, stdin=f"{PHONE}\n")
    assert again.out.startswith("On the list already; nothing was")
    assert again.err == ""
    checked = command("suppress", "check", "-", "--default-region", "HK", stdin="5000-0001").out
    assert checked.startswith("On the list, as ")
    assert checked.endswith(" UTC: asked us to stop\n")
    assert "by Ann at " in checked
    assert command("list").err.startswith("There are no campaigns")


def test_a_phone_may_be_an_argument(command, warehouse):
    """Read with the region that is named; several come by stdin."""
    assert command("suppress", "add", "50000001", "--region", "HK", *WHY).code == 0
    said = command("suppress", "add", *WHY, stdin=f"{PHONE}\n\n{OTHER}\n")
    assert said.out.startswith("Put on the list: 1 phone; others were on it already")
    assert command("suppress", "remove", PHONE).out == "Taken off the list: 1 phone. Campaigns may text it again.\n"
    assert command("suppress", "remove", PHONE).out == "Not on the list; nothing was changed.\n"
    assert command("suppress", "check", PHONE).out == "Not on the list.\n"


def test_the_list_has_counts_and_no_phones(command, warehouse):
    """With the digits that ``check`` shows; JSON has the same."""
    command("suppress", "add", *WHY, stdin=f"{PHONE}\n{OTHER}\n")
    command("suppress", "add", "+852 5000 0003", "--reason", "wrong number", "--by", "Bob")
    shown = command("suppress", "list", "--limit", "1").out
    assert shown.startswith("On the list: 3 phones. The ledger holds their keyed hashes, not the phones.\n")
    assert [line.split()[0] for line in shown.splitlines()[3:5]] == ["2", "1"]
    found = json.loads(command("suppress", "list", "--json").out)
    assert (found["phones"], len(found["newest"])) == (3, 3)
    assert {one["by"] for one in found["groups"]} == {"Ann", "Bob"}
    assert found["newest"][0]["hash"] in command("suppress", "check", "+852 5000 0003").out


def test_nothing_is_on_the_list_of_a_ledger_that_is_not_there(command, warehouse):
    """Looking creates none."""
    said = command("suppress", "list")
    assert (said.code, said.out) == (0, "")
    assert said.err.startswith("There is no ledger in connection 'warehouse'")
    assert json.loads(command("suppress", "list", "--json").out)["phones"] == 0
    assert command("suppress", "check", PHONE).line.startswith("Error: There is no ledger")
    assert not warehouse.file.exists()
    warehouse.run(people(1))
    assert command("suppress", "list").out.startswith("On the list: 0 phones.")


@pytest.mark.parametrize("kind", ["parquet", "csv", "txt", "-"])
def test_a_file_is_imported(command, warehouse, tmp_path, kind):
    """What is on the list stays; what is no phone is left out and named by its row."""
    phones = [f"+852 5000 {number:04}" for number in range(198)]
    rows = [*phones[:9], "none", *phones[9:]]
    stdin, words = "", [str(tmp_path / f"list.{kind}")]
    if kind == "parquet":
        pq.write_table(pa.table({"id": range(199), "phone": rows}), words[0])
    elif kind == "-":
        stdin, words = "\n".join(rows), ["-"]
    else:
        heading = ["msisdn"] if kind == "csv" else []
        (tmp_path / f"list.{kind}").write_text("\n".join([*heading, *rows]))
    command("suppress", "add", PHONE, *WHY)
    said = command("suppress", "import", *words, *WHY, stdin=stdin)
    assert (said.code, said.err) == (0, "")
    first, second = said.out.splitlines()
    assert first.startswith("Put on the list: 197 phones; others were on it already")
    assert "Read: 199 rows. It is the list of the ledger in connection 'warehouse'" in first
    assert second.startswith("Left out, as no phones: 1 row: row 10 (1 x ")
    again = command("suppress", "import", *words, *WHY, stdin=stdin).out
    assert again.startswith("On the list already; nothing was changed.")


def test_a_list_with_too_many_rows_that_are_no_phones_is_refused(command, warehouse, tmp_path):
    """In words of the command; the flag leaves them out."""
    file = tmp_path / "list.csv"
    file.write_text("phone\n+852 5000 0001\n5000 0002\n")
    said = command("suppress", "import", str(file), *WHY)
    assert said.code == 1
    assert "Of 2 rows 1 cannot be read as phones: row 2 (1 x 'no country code;" in said.line
    assert "with --default-region. --accept-unreadable leaves such rows out." in said.line
    assert command("suppress", "import", str(file), "--accept-unreadable", *WHY).code == 0
    assert command("suppress", "check", OTHER).out == "Not on the list.\n"
    assert command("suppress", "import", str(file), "--default-region", "hk", *WHY).code == 0
    assert command("suppress", "check", OTHER).out.startswith("On the list")


@pytest.mark.parametrize(
    ("words", "stdin", "code", "printed"),
    [
        (("add", "x", *WHY), "", 1, "Of 1 row 1 cannot be read as phones: row 1"),
        (("add", *WHY), "", 1, "The list has no phones; nothing was changed"),
        (("add", "+85250000001"), "", 2, "Missing option '--reason'"),
        (("add", "+85250000001", "--reason", " "), "", 1, "reason must say why"),
        (("add", "+85250000001", *WHY, "--region", "XY"), "", 1, "--default-region must be a country"),
        (("check",), "+85250000001\n+85250000002\n", 2, "stdin must hold one phone; it has 2 lines"),
        (("import", "-", "--column", "a", *WHY), "", 2, "it has no --column"),
        (("import", "nowhere.csv", *WHY), "", 1, "there is no file or folder"),
    ],
)
def test_wrong_usage_is_one_line_that_quotes_no_phone(command, warehouse, words, stdin, code, printed):
    """And creates no entry."""
    said = command("suppress", *words, stdin=stdin)
    assert (said.code, printed in said.err) == (code, True)


def test_two_columns_need_a_name(command, warehouse, tmp_path):
    """By the option of this command."""
    (tmp_path / "list.csv").write_text("mobile,home\n+852 5000 0001,+852 5000 0002\n")
    said = command("suppress", "import", str(tmp_path / "list.csv"), *WHY)
    assert "Name it with --column; they are 'mobile', 'home'" in said.line
    assert command("suppress", "import", str(tmp_path / "list.csv"), "--column", "home", *WHY).code == 0
    assert command("suppress", "check", OTHER).out.startswith("On the list")


@pytest.mark.parametrize("before", [True, False])
def test_the_first_options_may_stand_anywhere(warehouse, before):
    """Before the group, after it, after the verb."""
    add = ("add", PHONE, *WHY)
    words = ("suppress", "--conn-id", "warehouse", *add) if before else ("suppress", *add, "--conn-id", "warehouse")
    assert Command()(*words).code == 0
    assert Command("--conn-id", "warehouse")("suppress", "check", PHONE).out.startswith("On the list")


def test_help_warns_of_the_shells_history(command):
    """And names every verb, the most urgent ones first."""
    assert "shell's history" in command("suppress", "add", "--help").out
    listed = command("suppress", "--help").out
    places = [listed.index(f"\n  {verb} ") for verb in ("add", "remove", "import", "list", "check")]
    assert places == sorted(places)


def test_a_process_prints_no_phone(command, warehouse):
    """Airflow's own output and warnings included."""
    words = ("suppress", "add", "-", "--reason", "called from 50000001", "--by", "Ann")
    said = command.process(*words, stdin=f"{PHONE}\n")
    assert (said.code, said.err.count("\n")) == (0, 1)
    assert said.err.startswith("WARNING: There was no ledger in connection 'warehouse', table uspeedo_results; it was")
    assert leaks("".join(warehouse.dump()), "+85250000001") == []


def test_forgetting_says_that_a_phone_stays_on_the_list(command, warehouse):
    """As a hash: whoever wants no text must be remembered."""
    warehouse.run(people(3))
    command("suppress", "add", *WHY, stdin=PHONE)
    said = command("forget", "--yes", stdin=PHONE).out.splitlines()
    assert said[-2].startswith("Blanked in 1 campaign")
    assert said[-1].startswith("It stays on the suppression list, as a keyed hash")
    assert "suppression" not in command("forget", "--yes", stdin=OTHER).out
    assert command("suppress", "check", stdin=PHONE).out.startswith("On the list")


def test_no_phone_on_the_list_is_texted(command, warehouse):
    """By a campaign that knows of no policy; taken off again, its next attempt texts them."""
    command("suppress", "add", *WHY, stdin=f"{PHONE}\n")
    assert warehouse.run(people(3)).summary["suppressed"] == 1
    assert len(warehouse.texted()) == 2
    command("suppress", "remove", stdin=PHONE)
    assert warehouse.run(people(3)).summary["accepted"] == 3
    assert set(warehouse.texted().values()) == {1}

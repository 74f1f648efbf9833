# SPDX-License-Identifier: Apache-2.0
"""The runbook at a shell: each section, from a checkout and from a wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile

import pytest

from airflow_provider_uspeedo.cli.plain_text import plain_text
from airflow_provider_uspeedo.core.runbook_sections import read_runbook
from airflow_provider_uspeedo.core.what_to_do import PAGE, what_to_do
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.runbook import runbook, runbook_section
from tests.cli.typing_it import ROOT, SCRIPT, Command

SECTIONS = runbook().sections


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_is_printed_for_a_terminal(name):
    """With its heading, no marks of Markdown, and prose that fits 80 characters; code is left as it is."""
    said = Command()("explain", name)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{SECTIONS[name].title}\n===")
    prose = [line for line in said.out.splitlines() if not line.startswith("    ")]
    assert [line for line in prose if len(line) > 80] == []
    assert not re.search(r"\*\*|\]\(|^\||^#|```", "\n".join(prose), re.MULTILINE)


@pytest.mark.parametrize("name", SECTIONS)
def test_no_word_of_a_section_is_lost(name):
    """All that the page says is printed, whatever it is wrapped into."""
    said = Command()("explain", name).out
    words = re.sub(r"\]\([^)\s]+\)|```\w*", " ", SECTIONS[name].markdown)
    printed = {*re.findall(r"\w{3,}", said)}
    assert {*re.findall(r"\w{3,}", words)} - printed == set()


def test_without_a_section_all_are_listed():
    """One line each, the parts of a section below it."""
    said = Command()("explain")
    listed = re.findall(r"^ +([a-z-]+)  +(.+)$", said.out, re.MULTILINE)
    assert [name for name, about in listed if about] == list(SECTIONS)
    assert max(map(len, said.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("typed", "section"), [("Not sent", "not-sent"), ("#stopped", "stopped"), (" IN_FLIGHT ", "in-flight")]
)
def test_a_section_may_be_typed_as_it_is_read(typed, section):
    """The title of the page, or the end of a link."""
    assert Command()("explain", typed) == Command()("explain", section)


@pytest.mark.parametrize(
    ("typed", "meant"), [("notsent", "not-sent"), ("unknwon", "unknown"), ("phone", "forgetting-a-phone")]
)
def test_a_section_that_is_not_there_suggests_one(typed, meant):
    """In one line, as an error."""
    said = Command()("explain", typed)
    assert (said.code, said.out) == (1, "")
    assert "has no section" in said.line
    assert meant in said.line


def test_no_suggestion_is_made_of_nothing_alike():
    """Nor is the text repeated as something else."""
    with pytest.raises(ConfigurationError, match=r"has no section 'zzzz'\. Without a name, all are listed"):
        runbook_section("zzzz")


def test_a_section_has_its_parts_and_leads_to_others():
    """The parts of *Unknown* are sections of their own as well."""
    unknown = SECTIONS["unknown"]
    assert [name for name, one in SECTIONS.items() if one.parent == "unknown"]
    for name, one in SECTIONS.items():
        assert (one.markdown in unknown.markdown) == (one.parent == "unknown" or name == "unknown")
    assert "\n  airflow-uspeedo explain unknown\n" in Command()("explain", "in-flight").out + "\n"


def test_headings_in_code_are_code():
    """And a text may end with any of them."""
    found = read_runbook(
        "# Page\n\nAbove.\n\n## One two\n\n*A* b. C.\n\n```sh\n## no heading\n```\n\n### Part\n\nx\n\n## Last"
    )
    assert (found.introduction, list(found.sections)) == ("Above.", ["one-two", "part", "last"])
    assert found.sections["one-two"].markdown.endswith("### Part\n\nx")
    assert (found.sections["one-two"].summary, found.sections["part"].parent) == ('"A" b', "one-two")
    assert found.sections["last"].markdown == ""


def test_a_table_is_wrapped_within_its_columns():
    """A cell keeps its column, and an escaped line is a part of it."""
    text = plain_text("| Name | What |\n|---|---|\n| `a` | one \\| two three four five six seven |", 30)
    assert text.splitlines() == [
        "Name  What",
        "----  ------------------------",
        "`a`   one | two three four",
        "      five six seven",
    ]


def test_a_page_is_named_beside_the_command(monkeypatch):
    """Where one is there."""
    assert what_to_do("stopped") == "What to do: `airflow-uspeedo explain stopped`."
    monkeypatch.setattr(PAGE, "url", "https://airflow.example/runbook/")
    assert what_to_do("stopped") == (
        "What to do: `airflow-uspeedo explain stopped` or https://airflow.example/runbook/stopped."
    )


@pytest.mark.skipif(not (ROOT / "airflow_provider_uspeedo").is_dir(), reason="no source to build a wheel of")
def test_the_wheel_has_the_runbook(tmp_path):
    """Built, unpacked and run where no checkout is: the text is that of the page."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:  # of a wheel without compiled parts, that is what an installer does
        files.extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    script = f"import airflow_provider_uspeedo as p; print(p.__file__); {SCRIPT}"
    line = [sys.executable, "-c", script, "explain", "not-sent"]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    place, _, said = done.stdout.partition("\n")
    assert place.startswith(str(tmp_path / "installed"))
    assert said == Command()("explain", "not-sent").out
    for file in ("runbook.md", "zh/runbook.md"):
        carried = tmp_path / "installed" / "airflow_provider_uspeedo" / file
        assert carried.read_bytes() == (ROOT / "docs" / file).read_bytes()

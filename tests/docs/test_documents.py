# SPDX-License-Identifier: Apache-2.0
"""The documents keep up with the code: what a user may meet is described, and what is described is there."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_uspeedo import errors
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.core.attempt_log import end_lines
from airflow_provider_uspeedo.core.exit_policy import End, ExcludedByTime, decide, wait_for_retries
from airflow_provider_uspeedo.core.phones import BadPhone, normalise
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.core.summary import MAX_FAILURES, MAX_SESSIONS, ListedFailure, Summary
from airflow_provider_uspeedo.errors import ApiUnavailable
from airflow_provider_uspeedo.hooks.form import CONNECTION_FIELDS, UI_FIELD_BEHAVIOUR
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.operators.arguments import NOTSET
from airflow_provider_uspeedo.operators.sms import RETRIED, SendBatchSMSOperator
from airflow_provider_uspeedo.runbook import runbook, runbook_section
from tests.docs.pages import DOCS, PACKAGE, PAGES, ROOT, anchors, code, links, read, rows

SUMMARY = Summary("c", dict.fromkeys(STATUSES, 1), 0, 0, failures=[ListedFailure(1, "", "", "invalid", "")]).to_xcom()


EXPLAINED = re.compile(r"`airflow-uspeedo explain ([a-z-]+)`")
"""What the last words of a message name."""
IN_CODE = re.compile(r"""(?:\b(?:what_to_do|explain)\(|\bsection=|\bRUNBOOK = )["']([a-z-]+)["']""")
"""A section where the code names it: in a message, an error or the help of a verb."""


def _arguments():
    found = inspect.signature(SendBatchSMSOperator.__init__).parameters.values()
    return {one.name: one.default for one in found if one.kind is one.KEYWORD_ONLY}


def _endings():
    """Every ending that counts alone can lead to."""
    statuses = ("accepted", "unknown", "not_sent", "invalid")
    for present in itertools.product((0, 1), repeat=len(statuses)):
        summary = Summary("c", dict(zip(statuses, present, strict=True)), 0, 0)
        for cause, stopped, elsewhere in itertools.product(("", "It."), (False, True), (False, True)):
            yield decide(summary, phone_column="phone", cause=cause, stopped=stopped, elsewhere=elsewhere)
        yield decide(summary, phone_column="phone", cause="It.", unavailable=ApiUnavailable.section)
    now = datetime(2026, 11, 22, tzinfo=UTC)
    for left, unknown in itertools.product((1, 2), (0, 1)):
        summary = Summary("c", {"not_sent": left, "unknown": unknown}, 0, 0)
        waits = decide(summary, phone_column="phone", by_time=ExcludedByTime(hours=left, next_opening=now))
        yield wait_for_retries(waits, now=now, retries=0, used=0, retry_delay=timedelta(minutes=5))
        yield decide(summary, phone_column="phone", by_time=ExcludedByTime(not_after=left, deadline=now))
    yield decide(Summary("c", {"suppressed": 1}, 0, 0), phone_column="phone")


def _sections_in_code():
    told = {ending.message for ending in _endings() if ending.end is not End.SUCCESS or ending.warning}
    found = {section for text in told for section in re.findall(EXPLAINED, text)}
    for path in PACKAGE.rglob("*.py"):
        if path.name != "what_to_do.py":  # its examples are no messages
            found.update(re.findall(IN_CODE, path.read_text(encoding="utf-8")))
    return found | {*RETRIED.values()}


# -- what a user may meet ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", _arguments())
def test_every_operator_argument_is_described_with_its_default(name):
    """One row for each, whose default is that of the code."""
    _type, default, meaning = rows("operator.md", "Arguments")[name]
    written = NOTSET if default == "not given" else ast.literal_eval(default.strip("`"))
    assert (written, bool(meaning)) == (_arguments()[name], True)


def test_all_arguments_are_templates_as_the_page_says():
    """The page says it in one sentence, so it has to hold for each of them."""
    assert "All arguments but `deferrable` are templates" in read("operator.md")
    assert set(SendBatchSMSOperator.template_fields) == set(_arguments()) - {"deferrable"}


@pytest.mark.parametrize("key", [*SUMMARY, *SUMMARY["failures"][0]])
def test_every_key_of_the_xcom_is_described(key):
    """One row for each key of the summary and of its failures."""
    assert key in rows("operator.md", "What comes back")


def test_the_sizes_of_the_lists_in_the_xcom_are_those_of_the_code():
    """The rows of the two lists say at which size they are cut."""
    described = rows("operator.md", "What comes back")
    assert f"at most {MAX_SESSIONS:,}" in described["session_nos"][0]
    assert f"at most {MAX_FAILURES:,}" in described["failures"][0]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_described(status):
    """One row for each: what it means, and whether it is sent later."""
    assert len(rows("concepts.md", "Statuses")[status]) == 2


def test_every_column_of_the_results_is_described_in_order():
    """The page has the columns that the relation has."""
    assert list(rows("results.md", "The results relation")) == list(COLUMNS)


@pytest.mark.parametrize(
    "field", [*UI_FIELD_BEHAVIOUR["relabeling"], *UI_FIELD_BEHAVIOUR["hidden-fields"], *CONNECTION_FIELDS]
)
def test_every_field_of_the_connection_is_described(field):
    """One row for each field and extra."""
    assert field in rows("connection.md", "Fields")


@pytest.mark.parametrize("extra", [name for name, field in CONNECTION_FIELDS.items() if "default" in field["schema"]])
def test_the_defaults_of_the_connection_are_those_of_its_form(extra):
    """As the form spells them."""
    default = CONNECTION_FIELDS[extra]["schema"]["default"]
    assert rows("connection.md", "Fields")[extra][0].strip("`") == str(default).lower()


@pytest.mark.parametrize("name", [name for name, found in vars(errors).items() if inspect.isclass(found)])
def test_every_error_is_described(name):
    """One row for each: when, and what may be done."""
    assert name in rows("reference.md", "Errors")


def test_every_setting_is_described():
    """What the provider adds to Airflow's configuration is on a page."""
    from airflow_provider_uspeedo.get_provider_info import get_provider_info

    for section, about in get_provider_info()["config"].items():
        described = rows("results.md", "Settings")
        assert f"`[{section}]`" in read("results.md")
        assert {name: default.strip("`") for name, (default, _) in described.items()} == {
            name: option["default"] for name, option in about["options"].items()
        }


@pytest.mark.parametrize("section", sorted(_sections_in_code()))
def test_every_section_that_a_message_names_is_in_the_runbook(section):
    """The last message of a failed task leads somewhere: the command it names prints it."""
    assert section in anchors("runbook.md")
    assert runbook_section(section).name == section


def test_every_section_of_the_runbook_can_be_reached():
    """The names that the command knows are those that links have, and each is listed."""
    assert {*runbook().sections} == anchors("runbook.md") - {"runbook"}


def test_one_function_says_where_to_read_on():
    """No message names a file that an installed package does not have, and the command is spelt in one place."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\.md#|See docs", text), path
        if path.name not in ("what_to_do.py", "explain.py", "command.py"):
            assert "airflow-uspeedo explain" not in text, path


@pytest.mark.parametrize(
    "message", sorted({ending.message for ending in _endings() if ending.end is not End.SUCCESS or ending.warning})
)
def test_the_table_of_the_runbook_finds_the_section_of_every_message(message):
    """Its first column quotes the message, and no two rows do."""
    table = re.findall(r"^\| `(.+?)` \| \[[^\]]+\]\(#([\w-]+)\)", read("runbook.md"), re.MULTILINE)
    quoted = [place for words, place in table if re.search(".+".join(map(re.escape, words.split("..."))), message)]
    assert quoted == re.findall(EXPLAINED, message)


def test_the_quickstart_quotes_the_log():
    """What its DAG tells at its end."""
    counts = {"accepted": 2, "invalid": 1}
    told = next(end_lines(Summary("c", counts, accepted_now=2, requests=1), ()))
    assert f"`{told}`" in read("quickstart.md")


def test_the_runbook_has_no_section_that_no_message_names():
    """What has no message any more is removed from the page."""
    headings = re.findall(r"^## (.+)$", read("runbook.md"), re.MULTILINE)
    assert {heading.lower().replace(" ", "-") for heading in headings} == _sections_in_code()


def test_the_readme_names_the_supported_versions():
    """Those for which there are pinned sets, and the Pythons that the package is for."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "constraints").glob("airflow-*.txt"):
        assert f"\n| {path.stem.removeprefix('airflow-')} | 3.11" in text


# -- what is described ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    """Files are there, and so is the place in them."""
    lost = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("piece", code("python"), ids=str)
def test_every_piece_of_python_is_python(piece):
    """It compiles."""
    compile(piece.text, str(piece.page), "exec")


@pytest.mark.parametrize("piece", code("python"), ids=str)
def test_whatever_python_imports_from_the_package_is_there(piece):
    """Names in the examples are names of the code."""
    for node in ast.walk(ast.parse(piece.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_provider_uspeedo"):
            module = __import__(node.module, fromlist=["_"])
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.parametrize("piece", code("python"), ids=str)
def test_the_examples_use_only_arguments_that_the_operator_has(piece):
    """A misspelt argument in an example would be copied."""
    of_airflow = {"task_id", "retries", "retry_delay", "pool", "outlets"}
    known = {*_arguments(), *of_airflow}
    for node in ast.walk(ast.parse(piece.text)):
        if isinstance(node, ast.Call) and "SendBatchSMSOperator" in ast.unparse(node.func):
            assert {keyword.arg for keyword in node.keywords} <= known


def _connections():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    return sorted(set(re.findall(r"AIRFLOW_CONN_USPEEDO_DEFAULT='(\{.*?\})'", text)))


@pytest.mark.parametrize("written", _connections())
def test_every_connection_that_is_shown_can_be_used(written):
    """What is written in an environment variable is read by the client without complaint."""
    given = json.loads(written)
    assert given.pop("conn_type") == "uspeedo"
    assert ClientConfig.from_connection(**{"login": None, "password": None, **given}).access_key_id


@pytest.mark.parametrize("line", [line for line in read("tables.md").splitlines() if re.match(r"\| `[^`]*\d{4}", line)])
def test_the_phones_that_are_shown_are_read_as_the_page_says(line):
    """With the default region that the row names, and only with it where it says so."""
    written, about = line.strip("|").split("|")[:2]
    region = re.search(r'default_region="(\w\w)"', about)
    for phone in re.findall(r"`([^`]+)`", written):
        assert re.fullmatch(r"\((852|86)\)\d+", normalise(phone, region and region[1]))
        if region:
            with pytest.raises(BadPhone):
                normalise(phone, None)


def test_every_decision_record_ends_with_what_violates_it():
    """The last paragraph begins with it, so that a reviewer finds it."""
    records = sorted((DOCS / "adr").glob("0*.md"))
    assert records
    for record in records:
        assert read(record).rstrip().split("\n\n")[-1].startswith("**A change violates this when**")


def test_the_index_has_every_decision_record_once_in_order():
    """Merging two branches brings a line twice, which the builder of the pages refuses."""
    listed = re.findall(r"^(\d{4}-.+)$", read("adr/index.md"), re.MULTILINE)
    assert listed == sorted(path.stem for path in (DOCS / "adr").glob("0*.md"))


def test_the_dags_that_are_shown_have_the_marks_that_cut_them_out():
    """Documents show what runs."""
    for page in PAGES:
        for found in re.finditer(r"\{literalinclude\} (\S+)\n(.*?)```", read(page), re.DOTALL):
            text = (page.parent / found[1]).read_text(encoding="utf-8")
            marks = re.findall(r':(?:start-after|end-before): "(.+)"', found[2])
            assert len(marks) == 2
            assert all(mark in text for mark in marks)


def test_the_version_of_the_changelog_is_that_of_the_package():
    """The newest version is either released in it or announced."""
    from airflow_provider_uspeedo import __version__

    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in text or f"What will be {__version__}." in text


def test_every_extra_is_described():
    """What can be installed in brackets."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = re.search(r"\[project.optional-dependencies\]\n(.*?)\n\n", pyproject, re.DOTALL)[1]
    for line in extras.splitlines():
        assert line.split(" =")[0] in rows("quickstart.md", "Install")

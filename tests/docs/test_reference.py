# SPDX-License-Identifier: Apache-2.0
"""Whatever a user may type, read or be asked for has a row in the documents; the reference says where."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from datetime import timedelta

import click
import pytest

from airflow_provider_uspeedo import errors
from airflow_provider_uspeedo.cli.command import airflow_uspeedo
from airflow_provider_uspeedo.core.plan import Plan, Share
from airflow_provider_uspeedo.decorators.send_batch_sms import TABLE_ARGUMENTS
from airflow_provider_uspeedo.get_provider_info import get_provider_info
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.ledger.admin import grants
from airflow_provider_uspeedo.ledger.store.schema import PREFIX
from airflow_provider_uspeedo.ledger.store.states import RequestState
from airflow_provider_uspeedo.operators import observability
from airflow_provider_uspeedo.operators.arguments import NOTSET
from airflow_provider_uspeedo.policy import ContactPolicy
from tests.docs.pages import PACKAGE, named, prose, read, rows, section

ARGUMENTS = rows("reference.md", "Arguments of each class")
OF_AIRFLOW = {"context"}
"""Arguments that Airflow gives."""
CODE = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts}


def _classes():
    """Those that a DAG is written with, by their full names: what the provider announces, and the policy."""
    info = get_provider_info()
    found = {*info["notifications"], f"{ContactPolicy.__module__}.{ContactPolicy.__name__}"}
    for module in (name for one in info["operators"] for name in one["python-modules"]):
        tree = ast.parse((PACKAGE / f"{module.partition('.')[2].replace('.', '/')}.py").read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        found.update(f"{module}.{name}" for name in names if re.fullmatch(r"[A-Z]\w+Operator", name))
    return sorted(found)


def _described(name):
    """The rows of the section that the reference links for a class."""
    page, anchor = re.search(r"\((\w[\w-]*\.md)#([\w-]+)\)", ARGUMENTS[name][0]).groups()
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    (heading,) = [one for one in headings if re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") == anchor]
    return rows(page, heading)


def _arguments(name):
    found = inspect.signature(named(name).__init__).parameters.values()
    return {one.name: one.default for one in found if one.kind is one.KEYWORD_ONLY and one.name not in OF_AIRFLOW}


# -- arguments --------------------------------------------------------------------------------------------------


def test_the_reference_lists_every_class_that_takes_arguments():
    """And no other."""
    assert sorted(ARGUMENTS) == _classes()


@pytest.mark.parametrize("name", _classes())
def test_every_argument_has_a_row(name):
    """In the section that the reference links; its default is that of the code, where the row has a plain one."""
    arguments = _arguments(name)
    described = _described(name)
    assert arguments.keys() - described.keys() == set()
    if name.endswith("ContactPolicy"):  # every field may be left out, and the rows say what each takes
        return
    for argument, default in arguments.items():
        written = described[argument][1]
        if written == "required":
            assert default is inspect.Parameter.empty, argument
        elif written == "not given":
            assert default is NOTSET, argument
        elif written.startswith("`") and not written.startswith("`["):  # in brackets: a setting of Airflow decides
            assert eval(written.strip("`"), {"timedelta": timedelta}) == default, argument


def test_the_decorator_takes_what_its_section_says():
    """The arguments of the operator, but for those that say where the table is."""
    sentence = re.search(
        r"but for ((?:`\w+`(?:, | and )?)+)", section("operator.md", "A function that returns the table")
    )
    assert re.findall(r"`(\w+)`", sentence[1]) == list(TABLE_ARGUMENTS)


@pytest.mark.parametrize(
    "page_and_heading", [("operator.md", "Contact policy"), ("connection.md", "A policy for every DAG")]
)
def test_every_field_of_a_policy_is_described_in_both_places(page_and_heading):
    """What it does, and what holds if the connection has it, too."""
    assert {field.name for field in fields(ContactPolicy)} == rows(*page_and_heading).keys()


def test_the_reference_shows_every_method_of_the_hook():
    """But for those of Airflow's form, and what the operators need of it."""
    shown = re.search(r"USpeedoHook\n   :members: (.+)", read("reference.md"))[1].split(", ")
    public = {name for name in vars(USpeedoHook) if not name.startswith("_") and callable(getattr(USpeedoHook, name))}
    of_airflow = {"get_ui_field_behaviour", "get_connection_form_widgets"}
    assert public - of_airflow - {"close"} == set(shown) - {"config"}


# -- what comes back --------------------------------------------------------------------------------------------


def test_every_key_of_a_plan_is_described_in_order():
    """As a dry run returns them."""
    plan = Plan("c", None, Share(0, None), None, {}, [], [], None)
    assert list(rows("operator.md", "The plan")) == list(plan.to_xcom())


def test_every_xcom_of_its_own_is_described():
    """The keys that are pushed beside the return value."""
    text = CODE[PACKAGE / "operators" / "sms.py"]
    keys = ast.literal_eval(re.search(r"for key in (\(\"session_nos\".*?\))", text)[1])
    sentence = read("operator.md").split(" are XComs of their own")[0].split("\n\n")[-1]
    assert [key for key in keys if f"`{key}`" not in sentence] == []


def test_every_state_of_a_request_is_described():
    """What it means, and whether its recipients may be sent to."""
    assert set(rows("concepts.md", "Claim, send, settle")) == set(RequestState)


def test_every_public_error_is_in_the_tree():
    """Where the table of the reference finds it; those with an underscore never leave their module."""
    known = {name for name, found in vars(errors).items() if inspect.isclass(found)}
    for path, text in CODE.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & known:
                assert path.name == "errors.py" or node.name.startswith("_"), node.name


# -- operation --------------------------------------------------------------------------------------------------


def test_every_metric_is_described():
    """With its full name."""
    assert set(rows("observability.md", "Metrics")) == set(observability.METRICS)


def test_every_attribute_of_a_span_is_described():
    """And the span, and the outcomes."""
    text = section("observability.md", "Traces")
    attributes = re.findall(r'set_attribute\("([\w.]+)"', CODE[PACKAGE / "operators" / "observability.py"])
    assert set(rows("observability.md", "Traces")) == set(attributes)
    told = (observability.SPAN, observability.ANSWERED, observability.UNKNOWN, observability.NOT_ACCEPTED)
    assert [name for name in told if f"`{name}`" not in text] == []


def test_every_environment_variable_is_described():
    """Those of the command, of the settings, and those that the code reads itself."""
    told = set(re.findall(r"^\| (`.+?) \|", section("reference.md", "Environment variables"), re.MULTILINE))
    names = {name for cell in told for name in re.findall(r"`(\w+)`", cell)}
    of_the_command = {one.envvar for one in airflow_uspeedo.params if isinstance(one, click.Option) and one.envvar}
    settings = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, about in get_provider_info()["config"].items()
        for option in about["options"]
    }
    read_here = {name for text in CODE.values() for name in re.findall(r'environ\.get\("(\w+)"', text)}
    assert (of_the_command | settings | read_here) - names == set()
    assert {name for name in names if "USPEEDO" in name} == of_the_command | settings | {
        f"AIRFLOW_CONN_{USpeedoHook.default_conn_name}".upper()
    }


def test_every_role_of_the_ledger_is_described():
    """As the command and as Python spell it."""
    (role,) = [one for one in airflow_uspeedo.commands["grants"].params if one.name == "role"]
    told = {name: cells[0].strip("`") for name, cells in rows("reference.md", "Rights").items() if len(cells) == 2}
    roles = {name: value for name, value in told.items() if not name.startswith(PREFIX)}
    assert (set(roles), set(roles.values())) == (set(role.type.choices), set(grants.ROLES))


@pytest.mark.parametrize(
    ("column", "rights"),
    [
        ("A worker", grants.WORKER),
        ("An administrator", grants.ADMINISTRATOR),
        ("A worker on MySQL and MariaDB", grants.ON_MYSQL),
    ],
)
def test_every_right_on_every_table_is_described(column, rights):
    """In the column of the role; on MySQL those tables on which there are more."""
    (table,) = [one for one in section("reference.md", "Rights").split("\n\n") if f"| {column} |" in one]
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    told = {line[0].strip("`"): line[head.index(column)].replace("`", "") for line in lines}
    assert told == {PREFIX + name: ", ".join(some) for name, some in rights.items()}


def test_every_right_on_the_page_is_described():
    """What each allows, and who has it."""
    text = CODE[PACKAGE / "plugin" / "rights.py"]
    table = re.findall(r"^\| (\w+) \| .+ \|$", section("campaigns-page.md", "Who may do what"), re.MULTILINE)
    assert table == ["Right", *dict.fromkeys(re.findall(r"async def may_(\w+)\(", text))]

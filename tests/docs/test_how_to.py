# SPDX-License-Identifier: Apache-2.0
"""The how-tos are of one form, show what the tests run, and can be found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator
from airflow_provider_uspeedo.sandbox.server import running
from tests.docs.pages import DOCS, ROOT, code, links, read

FOLDER = DOCS / "how-to"
HOW_TOS = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
DAGS = [piece for piece in code("python", HOW_TOS) if "with DAG(" in piece.text]


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("page", HOW_TOS, ids=_name)
def test_a_how_to_has_code_what_is_seen_and_what_can_go_wrong(page):
    """In this order, and no other heading."""
    text = read(page)
    assert re.findall(r"^##+ (.+)$", text, re.MULTILINE) == ["What you see", "What can go wrong"]
    assert re.search(r"^ *```(?:\{literalinclude\}|console|python)", text.split("## What you see")[0], re.MULTILINE)
    assert links(page)


def test_the_list_has_every_how_to_in_the_order_of_the_menu():
    """Each once, in the table and in the menu."""
    text = read("how-to/index.md")
    menu = re.search(r"```\{toctree\}\n:hidden:\n\n(.*?)\n```", text, re.DOTALL)[1].split()
    table = [
        path.removesuffix(".md") for path in re.findall(r"^\| .+ \| \[[^\]]+\]\(([\w-]+\.md)\) \|$", text, re.MULTILINE)
    ]
    assert table == menu
    assert sorted(menu) == [path.stem for path in HOW_TOS]


@pytest.mark.parametrize("path", sorted((ROOT / "dags_examples").glob("*.py")), ids=_name)
def test_every_example_is_shown_by_a_page(path):
    """Each example is linked from the documents."""
    assert any(f"dags_examples/{path.name}\n" in read(page) for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("piece", DAGS, ids=str)
def test_a_dag_that_is_shown_can_be_parsed_and_names_its_campaign(piece):
    """A name of the day, so that a run that is repeated texts nobody twice."""
    names = {}
    exec(piece.text.replace("with DAG(", "with (dag := DAG(", 1).replace("):\n", ")):\n", 1), names)
    (task,) = names["dag"].tasks
    assert isinstance(task, SendBatchSMSOperator)
    assert re.search(r"\{\{.*\bds \}\}", task.campaign_id)


def printed(capsys):
    """What the page's code has printed; Airflow 2 writes its log there, too."""
    return [line for line in capsys.readouterr().out.splitlines() if not line.startswith("[")]


def test_the_check_of_a_template_prints_what_the_page_says(monkeypatch, capsys):
    """Against the sandbox, whose template stands for the one that the page names."""
    (piece,) = code("python", [FOLDER / "key-and-template.md"])
    with running(port=0) as sandbox:
        fields = {"conn_type": "uspeedo", "login": "sandbox", "password": "sandbox-secret", "host": sandbox.url}
        monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", json.dumps(fields))
        exec(piece.text, {})
        assert printed(capsys) == []
        exec(piece.text.replace("UTA20212831C85C", "UTA_REMINDER"), {})
    (line,) = printed(capsys)
    assert line.startswith("UTA_REMINDER approved 2 ")

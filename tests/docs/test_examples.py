# SPDX-License-Identifier: Apache-2.0
"""Every example DAG is one campaign: the tasks that send, or that act on what was sent, name it alike."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator, slices
from tests.docs.pages import ROOT

EXAMPLES = sorted((ROOT / "dags_examples").glob("*.py"))
DEFAULT = inspect.signature(SendBatchSMSOperator.__init__).parameters["campaign_id"].default
ONE, OTHER = "reminders {{ run_id }}", "reminders {{ ds }}"


def dag_of(path: Path):
    """The DAG of an example: a variable of the module, or what the function of its name returns."""
    from airflow.providers.common.compat.sdk import DAG

    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {id(value): value for value in vars(module).values() if isinstance(value, DAG)}
    return next(iter(found.values())) if found else getattr(module, path.stem)()


def campaigns_of(dag):
    """What each task of the package that has a ``campaign_id`` gives for it, by task; mapped ones included."""
    found = {}
    for task in dag.tasks:
        if "campaign_id" in task.template_fields:
            mapped = getattr(task, "partial_kwargs", None)
            found[task.task_id] = task.campaign_id if mapped is None else mapped.get("campaign_id", DEFAULT)
    return found


NAME = "campaign_id"


def complaints(dag):
    """Why the tasks of a DAG are not one campaign; empty if they are."""
    campaigns = campaigns_of(dag)
    own = [f"{task} leaves campaign_id out" for task, name in campaigns.items() if name == DEFAULT]
    own += [
        f"{task} puts its own id into it" for task, name in campaigns.items() if name != DEFAULT and "task_id" in name
    ]
    return own + [f"they differ: {campaigns}"] * (len(set(campaigns.values())) > 1)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_all_tasks_of_an_example_are_one_campaign(path):
    """The default holds the task's id: a second task of the flow that sends would text everybody again."""
    dag = dag_of(path)
    assert campaigns_of(dag)
    assert complaints(dag) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_writes_its_campaign_once(path):
    """Two copies of one text drift apart, also in what Python tasks ask the hook and the ledger for."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    written = [one.value for node in nodes if isinstance(node, ast.Call) for one in node.keywords if one.arg == NAME]
    for node in nodes:
        if isinstance(node, ast.Dict):  # the arguments that several tasks are given
            named = zip(node.keys, node.values, strict=True)
            written += [value for key, value in named if isinstance(key, ast.Constant) and key.value == NAME]
    assert len({ast.unparse(value) for value in written}) == 1
    assert len(written) == 1 or isinstance(written[0], ast.Name), "name it once, as a constant"


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({"campaign_id": ONE}, {"campaign_id": ONE}, ""),
        ({"campaign_id": ONE}, {"campaign_id": OTHER}, "they differ"),
        ({"campaign_id": ONE}, {}, "second leaves campaign_id out"),
        ({}, {}, "first leaves campaign_id out"),
        ({"campaign_id": ONE}, {"campaign_id": "{{ task.task_id }} {{ ds }}"}, "second puts its own id into it"),
    ],
)
@pytest.mark.parametrize("mapped", [False, True])
def test_the_check_finds_two_campaigns_in_one_flow(first, second, why, mapped):
    """In a plain task, and in a mapped one."""
    from airflow.providers.common.compat.sdk import DAG

    given = {"recipients": "people.parquet", "template_id": "UTA_PLAIN"}
    with DAG("flow", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        SendBatchSMSOperator(task_id="first", **given, **first)
        if mapped:
            SendBatchSMSOperator.partial(task_id="second", **given, **second).expand(slice=slices(2))
        else:
            SendBatchSMSOperator(task_id="second", **given, **second)
    assert why in "; ".join(complaints(dag))
    assert bool(why) == bool(complaints(dag))


def test_a_folder_of_dags_that_is_not_there_is_named():
    """Before ``make airflow-ui`` starts anything."""
    command = [sys.executable, "-m", "dags_examples.airflow_ui", "--dags", "no-such-folder"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "there is no folder no-such-folder" in refused.stderr

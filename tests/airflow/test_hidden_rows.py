# SPDX-License-Identifier: Apache-2.0
"""Rows given by value stand in nothing that Airflow writes: the serialized DAG of plain and of mapped tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from airflow_provider_uspeedo.policy import ContactPolicy
from tests.leaks import leaks

pytestmark = pytest.mark.airflow

ROWS = [{"phone": "+85255311111", "name": "Ann Lee"}, {"phone": "+85255311112", "name": "Bo Chan"}]
GIVEN: dict[str, Callable[[], Any]] = {
    "a list of dicts": lambda: ROWS,
    "a tuple": lambda: tuple(ROWS),
    "a frame": lambda: pd.DataFrame(ROWS),
    "phones": lambda: [row["phone"] for row in ROWS],
    "CSV": lambda: "phone,name\n+85255311111,Ann Lee\n",
    "a line of CSV": lambda: "+85255311111,Ann Lee",
    "JSON": lambda: json.dumps(ROWS),
    "JSON lines": lambda: "\n".join(map(json.dumps, ROWS)),
    "a phone": lambda: "+852 5531 1111",
    "a phone in a list": lambda: "[85255311111]",
    "the text of a frame": lambda: str(pd.DataFrame(ROWS)),
    "a digest of words": lambda: "Ann Lee 85255311111",
}


def serialized(make: Callable[[Any], Any], **dag_arguments: Any) -> str:
    """The text that Airflow stores of a DAG with this task."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **dag_arguments) as dag:
        make(SendBatchSMSOperator)
    try:
        from airflow.serialization.serialized_objects import DagSerialization

        return json.dumps(DagSerialization.to_dict(dag))
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG

        return json.dumps(SerializedDAG.to_dict(dag))


def assert_hidden(text: str) -> None:
    assert "UTA_REMINDER" in text
    assert leaks(text, *(row["phone"] for row in ROWS)) == []
    assert not [word for word in ("Ann Lee", "Bo Chan") if word in text]


@pytest.mark.parametrize("given", GIVEN)
def test_rows_in_default_arguments_are_hidden(given: str) -> None:
    """Of the DAG, for a plain task and for a mapped one; what is mapped over may be a dict."""
    rows = GIVEN[given]()
    defaults = {"recipients": rows, "policy": {"suppress": ["+85255311111"]}, "template_id": "UTA_REMINDER"}
    assert_hidden(serialized(lambda operator: operator(task_id="send"), default_args=defaults))
    mapped = serialized(lambda operator: operator.partial(task_id="send").expand(slice=["1/2"]), default_args=defaults)
    assert_hidden(mapped)
    of_dict = serialized(
        lambda operator: operator.partial(task_id="send", template_id="UTA_REMINDER").expand(recipients={"a": rows})
    )
    assert_hidden(of_dict)


@pytest.mark.parametrize("given", GIVEN)
def test_rows_of_a_task_are_hidden(given: str) -> None:
    """As of a task that is not mapped."""
    assert_hidden(serialized(lambda sms: sms(task_id="send", template_id="UTA_REMINDER", recipients=GIVEN[given]())))


@pytest.mark.parametrize("given", GIVEN)
def test_rows_in_partial_are_hidden(given: str) -> None:
    """All mapped tasks share the table, such as the slices of one."""

    def make(sms: Any) -> None:
        sms.partial(task_id="send", template_id="UTA_REMINDER", recipients=GIVEN[given]()).expand(slice=["1/2", "2/2"])

    assert_hidden(serialized(make))


@pytest.mark.parametrize("given", GIVEN)
def test_rows_in_expand_are_hidden(given: str) -> None:
    """A table for each mapped task."""

    def make(sms: Any) -> None:
        sms.partial(task_id="send", template_id="UTA_REMINDER").expand(recipients=[GIVEN[given](), GIVEN[given]()])

    def make_by_arguments(sms: Any) -> None:
        sms.partial(task_id="send").expand_kwargs([{"template_id": "UTA_REMINDER", "recipients": GIVEN[given]()}])

    assert_hidden(serialized(make))
    assert_hidden(serialized(make_by_arguments))


def test_paths_and_outputs_in_partial_are_not_hidden() -> None:
    """They show nothing, and Airflow renders and resolves them."""
    from airflow.providers.common.compat.sdk import task

    def make(sms: Any) -> None:
        sms.partial(task_id="a", template_id="UTA_REMINDER", recipients="s3://lake/{{ ds }}/").expand(slice=["1/1"])

        @task
        def tables() -> list[str]:
            return ["/lake/a.parquet"]

        sms.partial(task_id="b", template_id="UTA_REMINDER").expand(recipients=tables())

    text = serialized(make)
    assert "s3://lake/{{ ds }}/" in text
    assert '"tables"' in text


def test_partial_still_refuses_what_is_no_argument() -> None:
    """Its own checks are Airflow's."""
    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    with pytest.raises(TypeError, match="receivers"):
        SendBatchSMSOperator.partial(task_id="send", receivers=[1])


def test_a_mapped_task_gets_its_rows() -> None:
    """What is hidden from the serialized DAG is there when the task is made."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows
    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        mapped = SendBatchSMSOperator.partial(task_id="send", recipients=ROWS).expand(slice=["1/2", "2/2"])
        each = SendBatchSMSOperator.partial(task_id="each").expand(recipients=[ROWS, ROWS[:1]])
    assert HiddenRows.unwrap(mapped.unmap({"slice": "1/2"}).recipients) == ROWS
    second = each.expand_input.value["recipients"][1]
    assert HiddenRows.unwrap(each.unmap({"recipients": second}).recipients) == ROWS[:1]


PARAMETERS = {"phone": "+85255311111", "name": "Ann Lee"}


@pytest.mark.parametrize("parameters", [PARAMETERS, list(PARAMETERS.values()), json.dumps(PARAMETERS)])
def test_parameters_of_a_mapped_query_are_hidden(parameters: Any) -> None:
    """In ``partial``, ``expand`` and ``expand_kwargs``, as those of a plain task are."""
    common = {"task_id": "send", "template_id": "UTA_REMINDER", "sql": "SELECT 1", "sql_conn_id": "warehouse"}
    for make in (
        lambda sms: sms(parameters=parameters, **common),
        lambda sms: sms.partial(parameters=parameters, **common).expand(slice=["1/2", "2/2"]),
        lambda sms: sms.partial(**common).expand(parameters=[parameters, parameters]),
        lambda sms: sms.partial(**common).expand_kwargs([{"parameters": parameters}]),
    ):
        assert_hidden(serialized(make))


def test_a_mapped_query_gets_its_parameters() -> None:
    """The task has them when it is made."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_uspeedo.operators.query_arguments import HiddenParameters
    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    common = {"sql": "SELECT 1", "sql_conn_id": "warehouse", "campaign_id": "due"}
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        mapped = SendBatchSMSOperator.partial(task_id="send", parameters=PARAMETERS, **common).expand(slice=["1/1"])
        each = SendBatchSMSOperator.partial(task_id="each", **common).expand(parameters=[PARAMETERS, ["{{ ds }}"]])
    assert HiddenParameters.unwrap(mapped.unmap({"slice": "1/1"}).parameters) == PARAMETERS
    task = each.unmap({"parameters": each.expand_input.value["parameters"][1]})
    task.render_template_fields({"ds": "2026-11-22"})
    assert HiddenParameters.unwrap(task.parameters) == ["2026-11-22"]


POLICIES: dict[str, Callable[[], Any]] = {
    "phones": lambda: {"suppress": [row["phone"] for row in ROWS]},
    "rows": lambda: {"suppress": ROWS},
    "a frame": lambda: {"suppress": {"table": pd.DataFrame(ROWS), "column": "phone"}},
    "the class": lambda: ContactPolicy(suppress=[row["phone"] for row in ROWS], countries=["HK"]),
    "JSON": lambda: json.dumps({"suppress": ROWS}),
    "a literal": lambda: str({"suppress": ["+85255311111"]}),
}


@pytest.mark.parametrize("given", POLICIES)
def test_phones_of_a_policy_are_hidden(given: str) -> None:
    """In a plain task, in ``partial``, ``expand`` and ``expand_kwargs``."""
    policy, common = POLICIES[given], {"task_id": "send", "template_id": "UTA_REMINDER", "recipients": "/lake/due"}
    for make in (
        lambda sms: sms(policy=policy(), **common),
        lambda sms: sms.partial(policy=policy(), **common).expand(slice=["1/2", "2/2"]),
        lambda sms: sms.partial(**common).expand(policy=[policy(), policy()]),
        lambda sms: sms.partial(**common).expand_kwargs([{"policy": policy()}]),
    ):
        assert_hidden(serialized(make))


def test_the_rest_of_a_policy_can_be_seen() -> None:
    """Paths, queries, countries: they show nobody, and Airflow renders the templates in them."""
    policy = ContactPolicy(suppress=["s3://lake/{{ ds }}/", "+85255311111"], countries=["HK"], hours=["09:00", "20:00"])
    text = serialized(lambda sms: sms(task_id="send", template_id="UTA_REMINDER", recipients="/lake", policy=policy))
    assert_hidden(text)
    assert all(part in text for part in ("s3://lake/{{ ds }}/", "HK", "09:00"))


def test_the_tasks_before_a_list_come_before_the_sending_task() -> None:
    """Airflow finds the output of another task inside a policy, as a dict or as the class."""
    from airflow.providers.common.compat.sdk import DAG, task

    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):

        @task
        def opt_outs() -> list[str]:
            return []

        policy = ContactPolicy(suppress=[opt_outs(), "/lake/opt-outs"])
        sends = [SendBatchSMSOperator(task_id="a", recipients="/lake", policy=policy, template_id="T")]
        sends.append(SendBatchSMSOperator(task_id="b", recipients="/lake", policy=policy.to_dict(), template_id="T"))
    assert [send.upstream_task_ids for send in sends] == [{"opt_outs"}, {"opt_outs"}]

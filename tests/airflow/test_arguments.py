# SPDX-License-Identifier: Apache-2.0
"""Arguments as templates and forms give them, and rows that no one but the ledger gets to see."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.people import People, phones
from tests.airflow.running import render, try_task

Accepted = Callable[[], list[str]]
FORM = {
    name: "{{ params." + name + " }}"
    for name in (
        "recipients", "template_id", "template_id_column", "sender_id", "sender_id_column", "phone_column",
        "param_columns", "params_column", "user_id_column", "extend_code_column", "default_region", "bare_digits",
        "key_columns",
        "chunk_size", "concurrency", "requests_per_second", "max_recipients", "max_failure_ratio",
        "max_invalid_ratio", "max_unknown_requests", "canary", "slice", "same_table_as",
        "results_conn_id", "results_table", "dry_run", "uspeedo_conn_id", "campaign_id", "sql", "sql_conn_id",
        "parameters", "sql_hook_params", "prices", "max_cost", "max_segments",
    )
}  # fmt: skip
"""Every argument as a template of the parameter with its name."""
NEVER_EMPTY = {"plan", "policy"}
"""Arguments that an empty field does not leave out: what should have filled it may have been skipped."""


@pytest.fixture
def params(tmp_path: Path, ledger: Path, sandbox: Sandbox) -> dict[str, Any]:
    """Parameters as a form leaves them: texts for numbers, nothing for empty fields."""
    return {
        **dict.fromkeys(FORM, ""),
        "recipients": str(tmp_path / "people.parquet"),
        "template_id": "UTA_REMINDER",
        "phone_column": "phone",
        "param_columns": ["name", "amount"],
        "chunk_size": "1000",
        "concurrency": "2",
        "dry_run": "False",
        "results_conn_id": "ledger",
        "results_table": "uspeedo_results",
        "uspeedo_conn_id": "uspeedo_default",
        "campaign_id": "from a form",
    }


@pytest.mark.parametrize("written", ["2/3", [2, 3], (2, 3), " 2 / 3 ", ["2", "3"]])
def test_a_slice_is_a_text_or_two_numbers(
    params: dict[str, Any], people: People, tmp_path: Path, written: Any, accepted: Accepted
) -> None:
    """The three slices of a table share out its people."""
    rows = people.table(tmp_path / "people.parquet", 12)
    one = try_task({**params, "slice": written})
    others = [try_task({**params, "slice": f"{number}/3"}) for number in (1, 3)]
    assert one.summary["rows"] + sum(other.summary["rows"] for other in others) == 12
    assert sorted(accepted()) == sorted(phones(rows))


@pytest.mark.parametrize("written", ["4/3", "0/3", "third", [1, 2, 3], 2])
def test_what_is_no_slice_is_refused(
    params: dict[str, Any], people: People, tmp_path: Path, written: Any, accepted: Accepted
) -> None:
    """Before anybody is texted, with the way to write one."""
    people.table(tmp_path / "people.parquet", 2)
    run = try_task({**params, "slice": written})
    assert "is not a slice: write it as '1/8'" in str(run.error)
    assert accepted() == []


def test_every_argument_is_a_template() -> None:
    """Whatever one can set in a DAG file can come from the Trigger form."""
    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    named = [
        name
        for name, about in inspect.signature(SendBatchSMSOperator).parameters.items()
        if about.kind is about.KEYWORD_ONLY
    ]
    assert sorted(set(named) & set(SendBatchSMSOperator.template_fields)) == sorted({*FORM, *NEVER_EMPTY})
    assert set(SendBatchSMSOperator.template_fields) == {*FORM, *NEVER_EMPTY}


@pytest.mark.parametrize("empty", ["", None, "None", "null"])
@pytest.mark.parametrize("native", [False, True])
def test_empty_fields_of_a_form_are_left_out(
    params: dict[str, Any], people: People, tmp_path: Path, empty: str | None, native: bool, accepted: Accepted
) -> None:
    """An empty field is rendered as '', 'None' or 'null', and means what leaving the argument out means."""
    rows = people.table(tmp_path / "people.parquet", 3)
    run = try_task(FORM, {name: value if value != "" else empty for name, value in params.items()}, native=native)
    assert run.error is None
    assert run.counts == {"accepted": 3}
    assert sorted(accepted()) == phones(rows)


@pytest.mark.parametrize("empty", ["", None, "None", "  "])
def test_a_campaign_without_a_name_is_refused(
    params: dict[str, Any], people: People, tmp_path: Path, empty: str | None, accepted: Accepted
) -> None:
    """Else all tasks that forget the name would share one campaign, and nobody in the second would be texted."""
    people.table(tmp_path / "people.parquet", 2)
    run = try_task(FORM, {**params, "campaign_id": empty})
    assert "campaign_id is empty" in str(run.error)
    assert accepted() == []


@pytest.mark.parametrize("native", [False, True])
def test_numbers_and_switches_may_be_texts(
    params: dict[str, Any], people: People, tmp_path: Path, native: bool, accepted: Accepted
) -> None:
    """'2' is a chunk size, '1000' a limit, 'False' is false: a template gives nothing but text."""
    people.table(tmp_path / "people.parquet", 5)
    texts = {"chunk_size": "2", "max_recipients": "1000", "requests_per_second": "500.5", "dry_run": "True"}
    dry = try_task(FORM, params | texts, native=native)
    assert (dry.counts, accepted()) == ({"not_sent": 5}, [])
    run = try_task(FORM, params | texts | {"dry_run": "False"}, native=native)
    assert (run.counts, run.summary["requests"]) == ({"accepted": 5}, 3)


@pytest.mark.parametrize("columns", ["name, amount", '["name", "amount"]', "['name', 'amount']", ["name", "amount"]])
def test_columns_may_be_a_list_or_text(
    params: dict[str, Any], people: People, tmp_path: Path, columns: Any, sandbox: Sandbox
) -> None:
    """Names separated by commas, JSON, or the text that a list is rendered as."""
    (row,) = people.table(tmp_path / "people.parquet", 1)
    assert try_task(FORM, {**params, "param_columns": columns}).error is None
    assert list(sandbox.journal()[-1].params) == [row["name"], row["amount"]]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('["client\'s name"]', ("client's name",)),
        ("[\"client's name\", 'amount, net']", ("client's name", "amount, net")),
        ('["say \\"hi\\"", "名前"]', ('say "hi"', "名前")),
        ("('name', 'amount')", ("name", "amount")),
        ("name,  client's amount", ("name", "client's amount")),
        ("None", None),
        (" ", None),
    ],
)
def test_a_list_of_names_is_read_as_json_or_as_python_writes_it(written: str, expected: Any) -> None:
    """An apostrophe in a name is part of it."""
    from airflow_provider_uspeedo.operators.arguments import names

    assert names("param_columns", written) == expected


@pytest.mark.parametrize("written", ["[name", "['a'", "[" * 100_000, "[1]", '[""]', "['a', None]", 5, "a,,b"])
def test_what_is_no_list_of_names_is_refused(written: Any) -> None:
    """With the argument's name, whatever a reader of it raises."""
    from airflow_provider_uspeedo.errors import ConfigurationError
    from airflow_provider_uspeedo.operators.arguments import names

    with pytest.raises(ConfigurationError, match="key_columns"):
        names("key_columns", written)


def test_rows_turned_into_text_are_refused_unseen(params: dict[str, Any], people: People) -> None:
    """A list in a template becomes text unless rendering is native; the error tells that, without a phone."""
    rows = people(2)
    run = try_task(FORM, {**params, "recipients": rows})
    assert "render_template_as_native_obj" in str(run.error)
    assert str(run.operator.recipients) == "<rows as text>"
    assert not any(row["phone"] in str(run.error) for row in rows)


def test_rows_of_a_native_template_are_sent_and_hidden(
    params: dict[str, Any], people: People, accepted: Accepted
) -> None:
    """With native rendering a parameter can hold rows; Airflow then stores only how many they are."""
    rows = people(2)
    rendered = render(FORM, {**params, "recipients": rows}, native=True)
    assert str(rendered.operator.recipients) == "<2 recipients>"
    assert try_task(FORM, {**params, "recipients": rows}, native=True).counts == {"accepted": 2}
    assert sorted(accepted()) == phones(rows)


@pytest.mark.parametrize("kind", ["list of dicts", "pandas", "polars", "Arrow"])
def test_every_kind_of_rows_is_sent_and_hidden(
    params: dict[str, Any], people: People, kind: str, accepted: Accepted
) -> None:
    """Rows given by value are texted; what Airflow may print or store of them says only how many they are."""
    rows = people(3)
    given = as_table(kind, rows)
    run = try_task({**FORM, "recipients": given}, params)
    assert run.counts == {"accepted": 3}
    assert sorted(accepted()) == phones(rows)
    shown = run.operator.recipients
    assert {str(shown), repr(shown), shown.serialize()} == {"<3 recipients>"}


def as_table(kind: str, rows: list[dict[str, Any]]) -> Any:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    make = {"list of dicts": list, "pandas": pd.DataFrame, "polars": pl.DataFrame, "Arrow": pa.Table.from_pylist}
    return make[kind](rows)

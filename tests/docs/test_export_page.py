# SPDX-License-Identifier: Apache-2.0
"""What the page on exports says is what there is."""

from __future__ import annotations

import ast
import inspect

from airflow_provider_uspeedo.core.exported_phones import PHONE_FORMS
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.ledger.admin.results_schema import METADATA_PREFIX, RESULTS_SCHEMA, schema_with
from airflow_provider_uspeedo.operators.export import ExportSMSResultsOperator
from tests.docs.pages import read, rows, section

PAGE = "export.md"


def test_every_argument_is_described_with_its_default():
    """One row for each; all are templates, as the page says."""
    found = inspect.signature(ExportSMSResultsOperator.__init__).parameters.values()
    arguments = {one.name: one.default for one in found if one.kind is one.KEYWORD_ONLY}
    described = {name: cells[1] for name, cells in rows(PAGE, "Arguments of the export").items()}
    assert described.keys() == arguments.keys() == set(ExportSMSResultsOperator.template_fields)
    for name, default in arguments.items():
        required = default is inspect.Parameter.empty
        assert (described[name] == "required") == required
        assert required or ast.literal_eval(described[name].strip("`")) == default


def test_every_form_of_phones_is_described():
    """In a column of its own."""
    assert f"| | {' | '.join(f'`{form}`' for form in PHONE_FORMS)} |" in read(PAGE)


def test_every_key_of_the_xcom_is_described_in_order():
    """As the operator returns them."""
    known = ["campaign_id", "path", "phones", "rows", *STATUSES, "bytes", "exported_at", "open_attempts"]
    assert list(rows(PAGE, "What an export returns")) == known


def test_the_types_are_those_of_the_schema():
    """Columns that are not named are strings, which may be null."""
    lines = [line.split("|")[1:3] for line in section(PAGE, "The file").splitlines() if line.startswith("| `")]
    types = {name.strip(" `"): type_.strip(" `") for names, type_ in lines for name in names.split(",")}
    for field in RESULTS_SCHEMA:
        assert str(field.type) == types.get(field.name, "string")
        assert field.nullable == (types.get(field.name) != "string")


def test_the_metadata_are_described():
    """By their full names."""
    about = schema_with(dict.fromkeys(("campaign_id", "phones", "exported_at", "open_attempts", "package_version"), 1))
    for name in about.metadata:
        assert name.decode().startswith(METADATA_PREFIX)
        assert f"`{name.decode()}`" in read(PAGE)

# SPDX-License-Identifier: Apache-2.0
"""The security page keeps up with the code: every column of the ledger is in it, and the limits it names hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_uspeedo.api.http.transport import MAX_RESPONSE_BYTES
from airflow_provider_uspeedo.core.keys import KEY_BYTES
from airflow_provider_uspeedo.core.row_rules import MAX_SHOWN_CHARACTERS
from airflow_provider_uspeedo.ledger.admin.grants import ROLES
from airflow_provider_uspeedo.ledger.store.schema import PREFIX, Tables

PAGE = Path(__file__).parents[2].joinpath("docs", "security.md").read_text(encoding="utf-8")
TABLES = {table.name.removeprefix(PREFIX): table for table in Tables().metadata.sorted_tables}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_of_the_ledger_is_listed_as_personal_or_not(name):
    """One row of the page for each table, with all of its columns and no other."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    assert sorted(line.split("`")[3::2]) == sorted(TABLES[name].columns.keys())


def test_the_numbers_of_the_page_are_those_of_the_code():
    """Sizes change; pages forget."""
    assert f"up to {MAX_RESPONSE_BYTES // 2**20} MiB" in PAGE
    assert f"is {KEY_BYTES} bytes" in PAGE
    assert f"cut to {MAX_SHOWN_CHARACTERS} characters" in PAGE


def test_the_roles_that_the_page_shows_can_be_granted():
    """The command takes what the page types."""
    assert all(role in ROLES for role in ("worker", "reader"))
    assert "--role worker" in PAGE
    assert "--role reader" in PAGE

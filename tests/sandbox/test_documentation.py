# SPDX-License-Identifier: Apache-2.0
"""The sandbox's page keeps up with the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_uspeedo.sandbox.__main__ import _parser
from airflow_provider_uspeedo.sandbox.app import build
from airflow_provider_uspeedo.sandbox.faults import KINDS
from airflow_provider_uspeedo.sandbox.magic_numbers import MAGIC
from airflow_provider_uspeedo.sandbox.settings import Settings
from airflow_provider_uspeedo.sandbox.state import State
from airflow_provider_uspeedo.sandbox.template_store import BUILT_IN

LINES = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8").splitlines()


def _row(start):
    return next((line for line in LINES if line.startswith(f"| `{start}")), "")


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_described_with_its_parameters(kind):
    """One row for each kind, naming each of its parameters."""
    row = _row(f"{kind}`")
    assert row
    assert [name for name in KINDS[kind].params if f"`{name}`" not in row] == []


def test_magic_numbers_templates_and_options_are_described():
    """One row for each."""
    options = {option for action in _parser()._actions for option in action.option_strings if option.startswith("--")}
    options -= {"--help", "--inbox"}  # on by default: the page describes --no-inbox
    starts = [*MAGIC, *(f"{each.template_id}` | {each.variables}" for each in BUILT_IN), *options]
    assert [start for start in starts if not _row(start)] == []


def test_every_control_address_is_described():
    """One row for each address under /sandbox and its method."""
    state = State.from_settings(Settings())
    routes = [route for route in build(state).routes if route.path.startswith("/sandbox/")]
    wanted = [f"{method} {route.path}" for route in routes for method in route.methods - {"HEAD"}]
    state.journal.close()
    assert [each for each in wanted if not _row(each)] == []

# SPDX-License-Identifier: Apache-2.0
"""What a person does with a ledger, by the functions of :mod:`airflow_provider_uspeedo.administration`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo import administration
from airflow_provider_uspeedo.administration import (
    count_unknown,
    forget_phone,
    ledger_ddl,
    ledger_grants,
    list_campaigns,
    migrate_ledger,
    prune_campaigns,
    resolve_campaign,
    resume_campaign,
    show_campaign,
    stop_campaign,
)
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.hooks.ledger_connection import open_ledger
from airflow_provider_uspeedo.ledger.store.version import Migration
from tests.ledger.acting import Try, people

Connect = Callable[..., str]


@pytest.fixture
def place(connect: Connect, tmp_path: Path) -> dict[str, Any]:
    """The arguments that name a ledger."""
    conn_id = connect("lake", conn_type="sqlite", host=str(tmp_path / "ledger.db"))
    return {"results_conn_id": conn_id, "results_table": "texts"}


@pytest.fixture
def campaign(place: dict[str, Any]) -> str:
    """Two accepted, two unknown."""
    ledger = open_ledger(**place)
    ledger.prepare()
    one = Try(ledger, "c 1")
    first, second = one.claim(people("abcd"), size=2)
    one.send(first)
    one.mark(second)
    one.mark_unknown(second)
    one.end()
    ledger.close()
    return "c 1"


def test_a_night_on_call(place: dict[str, Any], campaign: str) -> None:
    """Look, stop, decide, look, resume; then clear up."""
    assert [line.campaign_id for line in list_campaigns(**place)] == [campaign]
    assert show_campaign(campaign, **place).counts == {"accepted": 2, "unknown": 2}
    assert stop_campaign(campaign, by="ann", **place).changed
    assert count_unknown(campaign, **place).recipients == 2
    listed = [people("c")[0].phone]
    assert count_unknown(campaign, phones=listed, **place).recipients == 1
    assert resolve_campaign(campaign, as_sent=True, by="ann", phones=listed, expected=1, **place) == 1
    assert resolve_campaign(campaign, as_sent=False, by="ann", **place) == 1
    assert show_campaign(campaign, **place).counts == {"accepted": 3, "not_sent": 1}
    assert resume_campaign(campaign, **place).changed
    assert forget_phone(listed[0], **place).recipients == 1
    assert migrate_ledger(**place) == Migration(3, 3)
    assert [told.pruned for told in prune_campaigns(older_than=timedelta(0), dry_run=True, **place)] == [True]
    assert [told.pruned for told in prune_campaigns(older_than=timedelta(0), **place)] == [True]
    with pytest.raises(CampaignHalted, match="pruned"):
        stop_campaign(campaign, by="ann", **place)


def test_where_there_is_no_ledger_none_is_made(place: dict[str, Any], tmp_path: Path) -> None:
    """Looking in the wrong place must not look like an empty one; only the list is empty."""
    assert list_campaigns(**place) == []
    for verb in (
        lambda: show_campaign("c", **place),
        lambda: stop_campaign("c", by="ann", **place),
        lambda: resolve_campaign("c", as_sent=True, by="ann", **place),
        lambda: prune_campaigns(older_than=timedelta(1), **place),
        lambda: forget_phone("+85255311111", **place),
        lambda: migrate_ledger(**place),
    ):
        with pytest.raises(ConfigurationError, match="There is no ledger here yet"):
            verb()
    assert list(tmp_path.iterdir()) == []


def test_ddl_and_grants_are_text() -> None:
    """For those whose workers may not create tables."""
    ddl = ledger_ddl("mysql", results_table="texts.sms")
    assert "CREATE VIEW" in ddl
    assert ddl.endswith(";\n\n")
    assert "texts" in ledger_grants("postgresql", "worker", "ann", results_table="texts.sms")


def test_every_function_is_public() -> None:
    """What the command calls, a DAG can import."""
    assert set(administration.__all__) <= set(vars(administration))


def test_importing_it_loads_nothing_heavy() -> None:
    """A DAG file that names it is parsed all day."""
    code = (
        "import sys, airflow_provider_uspeedo.administration; "
        "print([name for name in ('pandas', 'phonenumbers', 'pyarrow', 'requests', 'sqlalchemy', 'airflow')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"

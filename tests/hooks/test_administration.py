# SPDX-License-Identifier: Apache-2.0
"""What a person does with a ledger, by :func:`airflow_provider_uspeedo.administration.open_ledger_admin`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_uspeedo import administration
from airflow_provider_uspeedo.administration import LedgerAdmin, Migration, open_ledger_admin
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.hooks.ledger_connection import open_ledger
from airflow_provider_uspeedo.ledger.store.version import VERSION
from tests.ledger.acting import Try, people

Connect = Callable[..., str]


@pytest.fixture
def conn_id(connect: Connect, tmp_path: Path) -> str:
    """The connection of a ledger."""
    return connect("lake", conn_type="sqlite", host=str(tmp_path / "ledger.db"))


@pytest.fixture
def campaign(conn_id: str) -> str:
    """Two accepted, two unknown."""
    ledger = open_ledger(conn_id, "texts")
    ledger.prepare()
    one = Try(ledger, "c 1")
    first, second = one.claim(people("abcd"), size=2)
    one.send(first)
    one.mark(second)
    one.mark_unknown(second)
    one.end()
    ledger.close()
    return "c 1"


def test_a_night_on_call(conn_id: str, campaign: str) -> None:
    """Show, stop, resolve, show, resume; then clear up."""
    with open_ledger_admin(results_conn_id=conn_id, results_table="texts") as admin:
        assert [line.campaign_id for line in admin.list_campaigns()] == [campaign]
        assert admin.show(campaign).counts == {"accepted": 2, "unknown": 2}
        assert admin.stop(campaign, by="ann").changed
        assert admin.count_unknown(campaign).recipients == 2
        listed = [people("c")[0].phone]
        assert admin.count_unknown(campaign, phones=listed).recipients == 1
        assert admin.resolve(campaign, as_sent=True, by="ann", phones=listed, expected=1) == 1
        assert admin.resolve(campaign, as_sent=False, by="ann") == 1
        assert admin.show(campaign).counts == {"accepted": 3, "not_sent": 1}
        assert admin.resume(campaign).changed
        assert admin.forget(listed[0]).recipients == 1
        assert admin.migrate() == Migration(VERSION, VERSION)
        assert [report.pruned for report in admin.prune(older_than=timedelta(0), dry_run=True)] == [True]
        assert [report.pruned for report in admin.prune(older_than=timedelta(0))] == [True]
        with pytest.raises(CampaignHalted, match="pruned"):
            admin.stop(campaign, by="ann")


def test_where_there_is_no_ledger_none_is_made(conn_id: str, tmp_path: Path) -> None:
    """A wrong connection must not look like an empty ledger; only the list is empty."""
    with open_ledger_admin(conn_id) as admin:
        assert admin.list_campaigns() == []
        for verb in (
            lambda: admin.show("c"),
            lambda: admin.stop("c", by="ann"),
            lambda: admin.resolve("c", as_sent=True, by="ann"),
            lambda: admin.prune(older_than=timedelta(1)),
            lambda: admin.forget("+85255311111"),
            admin.migrate,
        ):
            with pytest.raises(ConfigurationError, match="There is no ledger here yet"):
                verb()
    assert list(tmp_path.iterdir()) == []


def test_ddl_and_grants_are_text() -> None:
    """For databases where workers may not create tables."""
    ddl = LedgerAdmin.ddl("mysql", results_table="texts.sms")
    assert "CREATE VIEW" in ddl
    assert ddl.endswith(";\n\n")
    assert "texts" in LedgerAdmin.grants("postgresql", "worker", "ann", results_table="texts.sms")


def test_every_name_is_public() -> None:
    """The class is imported when it is asked for, and another name is an error as usual."""
    assert all(getattr(administration, name) for name in administration.__all__)
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = administration.nothing_such


def test_importing_it_loads_nothing_heavy() -> None:
    """A DAG file that imports it is parsed all day."""
    code = (
        "import sys, airflow_provider_uspeedo.administration; "
        "print([name for name in ('pandas', 'phonenumbers', 'pyarrow', 'requests', 'sqlalchemy', 'airflow')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"

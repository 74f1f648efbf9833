# SPDX-License-Identifier: Apache-2.0
"""What Airflow finds: the page from 3.1 on, nothing before; and links from tasks to their campaigns."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.hooks import page_address
from tests.plugin.signed_in import text_of

pytestmark = pytest.mark.airflow
HEX = campaign_hash("one").hex()
needs_page = pytest.mark.skipif(not page_address.has_page(), reason="Airflow shows no pages of plugins before 3.1")


def the_plugin() -> Any:
    (found,) = entry_points(group="airflow.plugins", name="uspeedo")
    return found.load()


def test_airflow_loads_the_plugin() -> None:
    from airflow import plugins_manager

    if hasattr(plugins_manager, "_get_plugins"):
        plugins, errors = plugins_manager._get_plugins()
    else:  # before 3.2
        plugins_manager.ensure_plugins_loaded()
        plugins, errors = plugins_manager.plugins, plugins_manager.import_errors
    assert "uspeedo" in [plugin.name for plugin in plugins]
    assert not [source for source in errors if "uspeedo" in str(source)]


def test_it_is_empty_where_airflow_shows_no_pages() -> None:
    plugin = the_plugin()
    has = page_address.has_page()
    assert bool(getattr(plugin, "external_views", [])) == bool(plugin.fastapi_apps) == has


def test_loading_it_imports_nothing_of_the_page() -> None:
    """Every task and the scheduler load plugins."""
    code = (
        "import sys, airflow; from airflow_provider_uspeedo.plugin import airflow_plugin; "
        "print([m for m in ('fastapi', 'pandas', 'pyarrow', 'phonenumbers', "
        "'airflow_provider_uspeedo.plugin.page_app', 'airflow.api_fastapi.core_api.security') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    loaded = printed.strip().splitlines()[-1]
    assert "page_app" not in loaded
    assert "security" not in loaded
    assert "pandas" not in loaded


@needs_page
def test_it_is_in_the_menu_and_beside_dags_runs_and_tasks() -> None:
    """Each place names what Airflow fills in; addresses of routes are there once."""
    views = {view["destination"]: view for view in the_plugin().external_views}
    assert list(views) == ["nav", "dag", "dag_run", "task", "task_instance"]
    assert views["nav"]["href"] == "/uspeedo/"
    assert views["task_instance"]["href"] == "/uspeedo/?dag={DAG_ID}&task={TASK_ID}&run={RUN_ID}"
    assert len({view["url_route"] for view in views.values()}) == len(views)


def test_addresses_follow_the_path_that_airflow_has(monkeypatch: Any) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/air/flow/")
    assert page_address.page_root() == "/air/flow/uspeedo"
    assert page_address.campaign_path("one") == f"/air/flow/uspeedo/campaigns/{HEX}"


@needs_page
def test_a_page_below_another_path_has_addresses_below_it(monkeypatch: Any, server: Any, ledger: Any) -> None:
    """As behind a proxy that gives Airflow a path of its own."""
    from airflow_provider_uspeedo.plugin import page_ledger
    from tests.plugin.signed_in import Browser

    page_ledger.close_ledger()
    monkeypatch.setattr(server, "root_path", "/air/flow")
    answer = Browser(server, "viewer").get("/air/flow/uspeedo/")
    assert answer.status_code == 200, text_of(answer)
    assert 'href="/air/flow/uspeedo/static/page.css"' in answer.text


# -- links --------------------------------------------------------------------------------------------------------


def links(**arguments: Any) -> list[str]:
    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    given = {"campaign_id": "one", "results_conn_id": None, "results_table": None, **arguments}
    return [link.get_link(SimpleNamespace(**given), ti_key=None) for link in SendBatchSMSOperator.operator_extra_links]


@needs_page
def test_a_task_leads_to_its_campaign_and_its_query(monkeypatch: Any) -> None:
    """Where the page shows its ledger; a task with another one has no page, and no link that leads nowhere."""
    assert links() == [f"/uspeedo/campaigns/{HEX}", f"/uspeedo/campaigns/{HEX}/query"]
    assert links(results_conn_id="warehouse") == ["", ""]
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "warehouse")
    assert links(results_conn_id="warehouse") == links() != ["", ""]
    assert links(results_conn_id="other") == ["", ""]
    assert links(results_table="sms.results") == ["", ""]
    assert links(campaign_id=None) == links(campaign_id=" ") == ["", ""]


def test_every_operator_has_the_links() -> None:
    """A link is kept by Airflow as text: it holds a hash of the campaign's name, and nothing else of it."""
    from airflow_provider_uspeedo.get_provider_info import get_provider_info

    for about in get_provider_info()["operators"]:
        for name in about["python-modules"]:
            if name.endswith(".resolve") and not page_address.has_page():
                continue  # this Airflow cannot ask a person
            module = importlib.import_module(name)
            own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == name]
            (operator,) = [one for one in own if one.__name__.endswith("Operator")]
            assert [link.name for link in operator.operator_extra_links] == ["SMS campaign", "Results query"], name
    assert "55311111" not in "".join(links(campaign_id="for +852 55311111"))


@needs_page
def test_messages_name_the_page_where_the_name_of_the_server_is_known(monkeypatch: Any) -> None:
    from airflow_provider_uspeedo.core import what_to_do

    monkeypatch.setattr(what_to_do.PAGE, "url", "")
    page_address.announce_runbook()
    assert what_to_do.PAGE.url == ""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/air/")
    page_address.announce_runbook()
    assert "or https://example.org/air/uspeedo/runbook/unknown." in what_to_do.what_to_do("unknown")


def test_before_3_1_no_link_leads_anywhere(monkeypatch: Any) -> None:
    monkeypatch.setattr(page_address, "version", lambda _: "3.0.6")
    assert links() == ["", ""]


def test_the_chart_library_is_the_one_that_is_named() -> None:
    """Vendored from npm, pinned by its hash, with its licence."""
    import hashlib

    from airflow_provider_uspeedo import plugin

    static = Path(str(plugin.__file__)).parent / "static"
    digest = hashlib.sha256((static / "uplot-1.6.32.min.js").read_bytes()).hexdigest()
    assert digest == UPLOT
    assert "MIT License" in (static / "uplot-LICENSE.txt").read_text()


UPLOT = "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"

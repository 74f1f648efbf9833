# SPDX-License-Identifier: Apache-2.0
"""What Airflow loads as a plugin: the page's application and its places in the menu. Before Airflow 3.1 it is empty.

Every process of Airflow loads its plugins, tasks and the scheduler, too: so nothing of the page is imported here.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_uspeedo.hooks.page_address import PREFIX, has_page, page_root
from airflow_provider_uspeedo.plugin.lazy_app import LazyApp

NAME = "SMS campaigns"
_FILTERS = {
    "dag": "?dag={DAG_ID}",
    "dag_run": "?dag={DAG_ID}&run={RUN_ID}",
    "task": "?dag={DAG_ID}&task={TASK_ID}",
    "task_instance": "?dag={DAG_ID}&task={TASK_ID}&run={RUN_ID}",
}
"""Where the page is shown beside its own place in the menu, and what Airflow fills in for it."""


def external_views(root: str) -> list[dict[str, Any]]:
    """The entries for Airflow's menus.

    :param root: the path of the page, without a slash at its end.
    """
    icon = {"icon": f"{root}/static/icon.svg", "icon_dark_mode": f"{root}/static/icon-dark.svg"}
    menu = {"name": NAME, "href": f"{root}/", "destination": "nav", "category": "browse", "url_route": "sms-campaigns"}
    tabs = [
        {"name": NAME, "href": f"{root}/{query}", "destination": place, "url_route": f"sms-campaigns-{place}"}
        for place, query in _FILTERS.items()
    ]
    return [{**view, **icon} for view in (menu, *tabs)]


class USpeedoPlugin(AirflowPlugin):
    """The page, where Airflow can show it."""

    name = "uspeedo"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": NAME}] if has_page() else []
    external_views = external_views(page_root()) if has_page() else []

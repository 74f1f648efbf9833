# SPDX-License-Identifier: Apache-2.0
"""Where the page "SMS campaigns" is: paths only, since the name by which a browser reaches Airflow is not known."""

from __future__ import annotations

from importlib.metadata import version
from urllib.parse import SplitResult, urlsplit

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.what_to_do import PAGE
from airflow_provider_uspeedo.hooks.ledger_connection import option

PREFIX = "/uspeedo"
"""Below the path of Airflow itself."""


def has_page() -> bool:
    """True if this Airflow shows pages of plugins: 3.1 and later."""
    return tuple(map(int, version("apache-airflow").split(".")[:2])) >= (3, 1)


def page_root() -> str:
    """The path of the page, without a slash at its end."""
    return _base().path.rstrip("/") + PREFIX


def _base() -> SplitResult:
    """The address of the server; one that cannot be read counts as not set: no task and no start of Airflow fails."""
    try:
        return urlsplit(option("api", "base_url", ""))
    except ValueError:
        return urlsplit("")


def announce_runbook() -> None:
    """Makes messages of this process name the page's runbook, too, where the name of the server is known."""
    base = _base()
    if has_page() and base.netloc:
        PAGE.url = f"{base.geturl().rstrip('/')}{PREFIX}/runbook/"


def campaign_path(campaign_id: str) -> str:
    """The path of one campaign. It holds a hash of its name, which may be long, or say something of people."""
    return f"{page_root()}/campaigns/{campaign_hash(campaign_id).hex()}"

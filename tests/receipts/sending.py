# SPDX-License-Identifier: Apache-2.0
"""Campaigns whose receipts are collected: a client of a sandbox, and a table sent through it."""

from __future__ import annotations

from airflow_provider_uspeedo.api.client import USpeedoClient
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.backoff import Backoff
from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.ledger.ledger import Ledger


def client_of(url: str) -> USpeedoClient:
    """A client of the sandbox at an address, which asks again at once."""
    config = ClientConfig(base_url=url, access_key_id="sandbox", access_key_secret="sandbox-secret", timeout=20)
    return USpeedoClient(config, query_backoff=Backoff(attempts=2, first_wait=0.001, max_wait=0.002))


def send(ledger: Ledger, client: USpeedoClient, campaign: str, table: list[dict[str, str]], size: int = 3) -> None:
    """Sends a table through the sandbox."""
    columns = Columns("phone", ("id",), user_id="id")
    how = {"chunk_size": size, "max_unknown_requests": None}  # no probes, so that requests are as large as asked
    config = CampaignConfig(campaign_id=campaign, columns=columns, template_id="UTA_CODE", **how)
    reading = prepare(config, table, client.query_templates)
    report = Campaign(config, reading, ledger, client.send_written, StopSignal(), in_flight_timeout=0.0).run()
    assert report.cause is None

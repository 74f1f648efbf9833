# SPDX-License-Identifier: Apache-2.0
"""``stop`` and ``resume``: every process of a campaign obeys."""

from __future__ import annotations

from airflow_provider_uspeedo.errors import CampaignHalted
from tests.campaign.stage import CAMPAIGN, people, phones


def test_a_stopped_campaign_sends_nothing_until_it_is_resumed(command, warehouse):
    """Retries do not go on; after resume the next attempt texts the remaining recipients, once each."""
    warehouse.run(people(3))
    assert "is stopped: no further request begins" in command("stop", CAMPAIGN, "--by", "Dana").out
    report = warehouse.run(people(6))
    assert isinstance(report.cause, CampaignHalted)
    assert "stopped by Dana" in str(report.cause)
    assert sorted(warehouse.texted()) == phones(people(3))
    assert "stopped       by Dana" in command("show", CAMPAIGN).out
    assert command("list").out.splitlines()[1].split()[3] == "stopped"
    assert "may go on" in command("resume", CAMPAIGN).out
    warehouse.check(warehouse.run(people(6)), 6)
    assert sorted(warehouse.texted()) == phones(people(6))


def test_stopping_and_resuming_twice_changes_nothing(command, warehouse):
    """The first name stays."""
    warehouse.run(people(1))
    command("stop", CAMPAIGN, "--by", "Dana")
    assert "was stopped already, by Dana at " in command("stop", CAMPAIGN, "--by", "Pat").out
    command("resume", CAMPAIGN)
    assert "was not stopped; nothing was changed" in command("resume", CAMPAIGN).out


def test_the_login_is_the_name(command, warehouse, monkeypatch):
    """Unless --by is given."""
    monkeypatch.setenv("LOGNAME", "night-watch")
    warehouse.run(people(1))
    command("stop", CAMPAIGN)
    assert "stopped       by night-watch" in command("show", CAMPAIGN).out

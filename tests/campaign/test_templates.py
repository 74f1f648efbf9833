# SPDX-License-Identifier: Apache-2.0
"""Templates are asked for before the first message: what the API says is binding, what it does not say is not."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.errors import ConfigurationError, Refused, TableError
from tests.campaign.stage import Scene, make_order, people

TWO = Columns("phone", ("name",), template_id="template")


def both(first: str, second: str) -> list[dict[str, str]]:
    one, other = people(2)
    return [{**one, "template": first}, {**other, "template": second}]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("UTA_PENDING", "Template 'UTA_PENDING' is pending, not approved"),
        ("UTA_DISABLED", "Template 'UTA_DISABLED' is disabled, not approved"),
        ("UTA_REMINDER", "Template 'UTA_REMINDER' has 2 variables, but param_columns names 1 column:"),
        ("UTA_PLAIN", "Template 'UTA_PLAIN' has 0 variables, but param_columns names 1 column:"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_before_anything_is_written_or_sent(
    scene: Scene, template: str, message: str
) -> None:
    """Not approved, or with another number of variables than there are columns."""
    with pytest.raises(ConfigurationError) as raised:
        scene.run(people(2), make_order(template_id=template))
    assert message in str(raised.value)
    assert not scene.file.exists()
    assert not scene.journal()


def test_one_template_of_several_that_is_not_approved_refuses_the_table(scene: Scene) -> None:
    """Half a campaign is no campaign."""
    with pytest.raises(ConfigurationError, match="'UTA_PENDING' is pending"):
        scene.run(both("UTA_CODE", "UTA_PENDING"), make_order(TWO))
    assert not scene.journal()


def test_a_row_with_too_few_parameters_for_its_own_template_is_invalid(scene: Scene) -> None:
    """Where each row names its template, only that row is wrong."""
    scene.run(both("UTA_REMINDER", " UTA_CODE"), make_order(TWO))
    assert scene.statuses() == ["invalid", "accepted"]


@pytest.mark.parametrize("fault", ["server_error", "not_json", "empty", "drop", "redirect", "ret_code"])
def test_no_answer_to_the_question_is_no_obstacle_without_the_circuit_breaker(
    scene: Scene, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever switches it off takes the risk; a warning says that nothing was checked. See ``test_outages.py``."""
    scene.sandbox.fault(fault, on="templates", at="every")
    scene.run(people(2))
    assert scene.statuses() == ["accepted"] * 2
    assert "The templates could not be checked before sending" in caplog.text


@pytest.mark.parametrize("api", ["action", "rest"])
def test_a_template_that_does_not_exist_is_refused_before_the_first_message(scene: Scene, api: str) -> None:
    """The API says so."""
    scene.api = api
    with pytest.raises(ConfigurationError, match="RetCode 215396"):
        scene.run(people(9), make_order(template_id="UTA_NONE"))
    with pytest.raises(ConfigurationError, match="RetCode 215396"):
        scene.run(both("UTA_CODE", "UTA_NONE"), make_order(TWO))
    assert not scene.file.exists()
    assert not scene.journal()


def test_a_template_that_does_not_exist_is_refused_by_the_first_request(scene: Scene) -> None:
    """Where nothing was asked for: nobody is texted all the same."""
    report = scene.run(people(9), make_order(template_id="UTA_NONE"), ask=False)
    assert isinstance(report.cause, Refused)
    assert report.cause.ret_code == 215396
    assert scene.statuses() == ["not_sent"] * 9
    assert report.summary.requests == 1


def test_a_template_column_with_a_different_text_in_every_row_is_refused(scene: Scene) -> None:
    """It is the wrong column."""
    table = [{**row, "template": f"T{number}"} for number, row in enumerate(people(1001))]
    with pytest.raises(TableError, match="more than 1,000 distinct values") as raised:
        scene.run(table, make_order(TWO))
    assert raised.value.column == "template"

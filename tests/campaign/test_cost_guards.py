# SPDX-License-Identifier: Apache-2.0
"""``max_cost`` and ``max_segments``: refused before the first message, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.core.columns import Columns
from airflow_provider_uspeedo.core.prices import Prices
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.errors import ConfigurationError
from tests.campaign.stage import Scene, make_order, people

PRICES = Prices.from_rows([("1", "HK", "0.1", "USD"), ("2", "MO", "0.3", "USD"), ("3", "JP", "0.2", "JPY")])
LONG = "x" * 200
"""Makes two segments of the template's text."""


def order(max_cost: str | None = None, **changes: Any) -> CampaignConfig:
    cost = None if max_cost is None else Decimal(max_cost)
    return make_order(changes.pop("columns", None), **{"prices": PRICES, "max_cost": cost, **changes})


def refusal(scene: Scene, table: Any, config: CampaignConfig, **asked: Any) -> str:
    before = len(scene.journal())
    with pytest.raises(ConfigurationError) as raised:
        scene.run(table, config, **asked)
    assert len(scene.journal()) == before
    return str(raised.value)


def in_macau(number: int) -> list[dict[str, str]]:
    return [{"phone": f"+8536{n:07d}", "name": "M"} for n in range(number)]


# -- max_cost -------------------------------------------------------------------------------------------------------


def test_exactly_max_cost_is_sent_and_a_hundredth_less_is_refused(scene: Scene) -> None:
    """In decimal numbers: ten times a tenth is one."""
    table = [*people(10), *in_macau(1)]
    assert refusal(scene, table, order("1.29")) == (
        "The campaign would cost 1.3 USD (11 recipients), and max_cost=1.29 is less. This attempt sent nothing. Check "
        "the table and the prices, or raise max_cost."
    )
    assert not scene.file.exists()
    assert scene.run(table, order("1.3")).summary["accepted"] == 11


def test_a_long_message_costs_its_segments(scene: Scene) -> None:
    """By its own parameters."""
    table = [*people(1), {**people(2)[1], "name": LONG}]
    refusal(scene, table, order("0.29"))
    assert scene.run(table, order("0.3")).summary["accepted"] == 2


def test_duplicates_and_invalid_rows_cost_nothing(scene: Scene) -> None:
    """Of the rows of one recipient the one that is sent: the first one without a plan."""
    table = [*people(2), {**people(1)[0], "name": LONG}, {"phone": "nobody", "name": LONG}]
    assert scene.run(table, order("0.2")).summary["accepted"] == 2


@pytest.mark.parametrize("names", [("N", LONG), (LONG, "N"), (LONG + "a", "M")])
def test_with_a_plan_the_row_that_is_sent_is_the_one_that_counts(scene: Scene, names: tuple[str, str]) -> None:
    """Whichever of the two it is, and wherever it stands."""
    table = [{**people(1)[0], "name": name} for name in names]
    scene.run(table, order(plan=scene.plan(table, order())))
    segments = 2 if len(scene.journal()[0].params[0]) > 1 else 1
    with pytest.raises(ConfigurationError, match=f"would cost 0.{segments} USD"):
        scene.plan(table, order("0.01"))


def test_what_the_campaign_already_sent_counts(scene: Scene) -> None:
    """A retry of the same table is allowed exactly what the first attempt was."""
    scene.sandbox.fault("ret_code", code=18013, at=2)
    first = scene.run(people(6), order("0.6"))
    assert first.summary["accepted"] == 3
    message = refusal(scene, people(6), order("0.5"))
    assert "The campaign would cost 0.6 USD (6 recipients, of which 3 recipients were sent to before)" in message
    assert "This attempt sent nothing." in message
    assert scene.run(people(6), order("0.6")).summary["accepted"] == 6


def test_unknown_outcomes_count_as_sent_and_rejected_ones_cost_nothing(scene: Scene) -> None:
    """An unknown one may have arrived; a rejected one is never sent again."""
    scene.sandbox.fault("drop", at=1, accepted=True)
    scene.sandbox.fault("partial", at=2, count=3, code=18046)
    first = scene.run(people(6), order("0.6", max_failure_ratio=None))
    assert (first.summary["unknown"], first.summary["rejected"]) == (3, 3)
    assert "would cost 0.4 USD" in refusal(scene, [*people(7)], order("0.3"))
    assert scene.run(people(7), order("0.4", max_failure_ratio=None)).summary["accepted"] == 1


def test_recipients_that_are_not_in_the_table_any_more_make_the_cost_unknown(scene: Scene) -> None:
    """The ledger has no texts, so nobody knows what theirs cost."""
    scene.run(people(4), order())
    message = refusal(scene, people(4, start=3), order("9"))
    assert (
        "3 recipients of the campaign were sent to before and cannot be sent to by this table as it is now" in message
    )


def test_a_slice_counts_the_whole_table(scene: Scene) -> None:
    """So that the slices together cost no more."""
    slices = [{"slice_": Slice(number, 2), "part": "shared"} for number in range(2)]
    for slice_ in slices:
        refusal(scene, people(6), order("0.5", **slice_))
    assert sum(scene.run(people(6), order("0.6", **slice_)).summary["accepted"] for slice_ in slices) == 6


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([*people(1), {"phone": "+12025550143", "name": "A"}], "prices has no price for US. Nothing was sent."),
        ([*people(1), {"phone": "+80012345678", "name": "A"}], "prices has no price for 001."),
        ([*people(1), {"phone": "+819012345678", "name": "A"}], "in several currencies (JPY and USD)"),
    ],
)
def test_a_cost_that_cannot_be_known_is_refused(scene: Scene, table: Any, message: str) -> None:
    """Never a guess, however high the limit is."""
    assert message in refusal(scene, table, order("1000000"))


def test_max_cost_without_prices_is_refused() -> None:
    """Before the table is looked at."""
    with pytest.raises(ConfigurationError, match="max_cost needs prices"):
        order("1", prices=None)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from(["N", LONG, "好", "好" * 60]), min_size=1, max_size=9), batch=st.integers(1, 9))
@example(names=["N", "N", LONG, LONG, LONG, LONG], batch=1)
def test_the_cost_is_the_sum_of_the_rows(scene: Scene, names: list[str], batch: int) -> None:
    """Whatever batches the table is read in, and also where it is a whole number: ten times 0.1 reads 1.0."""
    scene.sizes = {"portion_rows": batch}
    table = [{**one, "name": name} for one, name in zip(people(len(names)), names, strict=True)]
    segments = sum({"N": 1, LONG: 2, "好": 1, "好" * 60: 2}[name] for name in names)
    assert f"would cost {segments * Decimal('0.1')} USD" in refusal(scene, table, order("0.05"))


# -- max_segments ---------------------------------------------------------------------------------------------------


def test_long_messages_are_named_by_their_rows(scene: Scene) -> None:
    """All that the message has room for."""
    table = [{**one, "name": LONG if number % 2 else "N"} for number, one in enumerate(people(60))]
    message = refusal(scene, table, order(max_segments=1))
    named = ", ".join(str(number) for number in range(2, 42, 2))
    assert message.startswith(
        f"30 messages would have more than max_segments=1 segment: row {named} and others. Nothing was sent."
    )
    assert "x" * 20 not in message
    assert scene.run(table, order(max_segments=2)).summary["accepted"] == 60


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"max_segments": 1}, "max_segments=1 segment: row 3."),
        ({"max_recipients": 2}, "more than max_recipients=2 recipients."),
        ({"max_cost": "9", "prices": Prices.from_rows([("1", "MO", "0.1", "USD")])}, "prices has no price for HK."),
    ],
    ids=["max_segments", "max_recipients", "max_cost"],
)
def test_a_later_attempt_does_not_say_that_nothing_was_sent(scene: Scene, limits: dict[str, Any], said: str) -> None:
    """Where an earlier one has sent, as before a sleep until the next window, and the table has changed since."""
    scene.run(people(2), order(None))
    found = refusal(scene, [*people(2), {**people(3)[2], "name": LONG}], order(**limits))
    assert f"{said} This attempt sent nothing; earlier ones sent to 2 recipients of the campaign." in found


def test_one_character_can_make_a_message_longer(scene: Scene) -> None:
    """Thirty characters more than seventy are two segments of UCS-2, and one of GSM-7."""
    table = people(1)
    table[0]["name"] = "é" + "n" * 70
    assert scene.run(table, order(max_segments=1)).summary["accepted"] == 1
    table[0]["name"] = "ê" + "n" * 70
    assert "row 1." in refusal(scene, table, order(max_segments=1, campaign_id="another"))


@pytest.mark.parametrize("argument", ["max_cost", "max_segments"])
def test_without_the_text_of_a_template_both_are_refused(scene: Scene, argument: str) -> None:
    """The account may not ask for templates."""
    message = refusal(scene, people(2), order(**{argument: 5 if argument == "max_segments" else "5"}), ask=False)
    assert message.startswith(f"{argument} cannot be checked: the API did not give the text of template 'UTA_CODE'.")


def test_no_row_that_is_sent_is_of_an_unknown_template(scene: Scene) -> None:
    """An invalid row's template does not matter."""
    columns = Columns("phone", ("name",), template_id="template")
    table = [{**people(1)[0], "template": "UTA_CODE"}, {"phone": "nobody", "name": "N", "template": "UTA_CODE"}]
    assert scene.run(table, order(columns=columns, max_segments=1)).summary["accepted"] == 1

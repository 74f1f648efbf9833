# SPDX-License-Identifier: Apache-2.0
"""What the page on receipts says of the operator is what the operator has."""

from __future__ import annotations

import inspect
from datetime import timedelta

from airflow_provider_uspeedo.operators.receipts import CollectSMSReceiptsOperator
from airflow_provider_uspeedo.receipts.collection import MAX_MESSAGES, MAX_SESSIONS
from airflow_provider_uspeedo.receipts.collection_config import DEADLINE, FIRST_AFTER, MAX_DEADLINE
from airflow_provider_uspeedo.receipts.totals import MAX_REASONS, Totals
from tests.docs.pages import read, rows

PAGE = "receipts.md"


def test_every_argument_is_described_with_its_default() -> None:
    """One row for each; a default that a setting decides is named by it."""
    found = inspect.signature(CollectSMSReceiptsOperator.__init__).parameters.values()
    arguments = {one.name: one.default for one in found if one.kind is one.KEYWORD_ONLY}
    described = rows(PAGE, "Arguments of the collection")
    assert described.keys() == arguments.keys()
    for name, default in arguments.items():
        if name == "deferrable":
            assert described[name][1] == "`[operators] default_deferrable`"
        else:
            written = eval(described[name][1].strip("`"), {"timedelta": timedelta})
            assert written == default, name
    assert set(CollectSMSReceiptsOperator.template_fields) == arguments.keys() - {"deferrable"}
    assert (arguments["first_after"], arguments["deadline"]) == (FIRST_AFTER, DEADLINE)


def test_every_key_of_the_xcom_is_described_in_order() -> None:
    """As the operator returns them."""
    assert list(rows(PAGE, "What a collection returns")) == list(Totals().to_xcom("c", ()))


def test_sizes_are_those_of_the_code() -> None:
    """In the sentences that name them."""
    page = " ".join(read(PAGE).split())
    assert f"{MAX_SESSIONS} sessions in a call at most" in page
    assert f"more than {MAX_MESSAGES:,} messages" in page
    assert f"the {MAX_REASONS} most frequent reasons" in page
    assert f"at most {MAX_DEADLINE.days} days" in page

# SPDX-License-Identifier: Apache-2.0
"""How a collection ends, and the sentence that says so; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_uspeedo.core.exit_policy import End
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.what_to_do import what_to_do
from airflow_provider_uspeedo.receipts.collection_config import CollectionConfig
from airflow_provider_uspeedo.receipts.totals import PENDING, Totals


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a collection ends.

    :param warns: a success that is to be looked at.
    """

    end: End
    message: str
    warns: bool = False


def conclude(totals: Totals, config: CollectionConfig, about: str) -> Conclusion:
    """Decides how a collection ends that waits no longer.

    :param about: names the campaign or the sessions, and the ledger.
    """
    counts, rate = totals.all, totals.delivery_rate
    said = f"{describe(totals)} {about}"
    if not counts.messages:
        return Conclusion(End.SUCCESS, f"There is no message whose receipt could be asked for. {about}", warns=True)
    if config.min_delivery_rate is not None:
        if rate is None:
            text = (
                f"No message has a final receipt, so min_delivery_rate={config.min_delivery_rate:g} cannot be judged. "
                f"{said} {what_to_do('delivery-rate')}"
            )
            return Conclusion(End.FAIL, text)
        if rate < config.min_delivery_rate:
            text = (
                f"Of {counted(counts.final, 'final receipt')} {counts.by_result['success']:,} say that the message was "
                f"delivered: {rate:.2%}, less than min_delivery_rate={config.min_delivery_rate:g}. {said} "
                f"{what_to_do('delivery-rate')}"
            )
            return Conclusion(End.FAIL, text)
    if not totals.is_complete(config.until):
        text = (
            f"The deadline has passed: {counted(counts.by_result[PENDING], 'message')} of {counts.messages:,} have no "
            f"final receipt. {said} {what_to_do('receipts-missing')}"
        )
        return Conclusion(End.SUCCESS, text, warns=True)
    return Conclusion(End.SUCCESS, said)


def describe(totals: Totals) -> str:
    """The counts in one sentence."""
    counts = totals.all
    shown = {"success": "delivered", "fail": "failed", "submit_fail": "not submitted", PENDING: "not final"}
    parts = [f"{counts.by_result[name]:,} {word}" for name, word in shown.items() if counts.by_result[name]]
    return f"Of {counted(counts.messages, 'message')}: {', '.join(parts) or 'none'}."


def describe_not_asked(counts: Mapping[str, int]) -> str:
    """The messages that cannot have receipts, in words; ``""`` if there are none."""
    parts = []
    if accepted := counts.get(Status.ACCEPTED):
        parts.append(
            f"{counted(accepted, 'accepted message')} cannot be asked about: the API gave no SessionNo for them, or a "
            "person called them sent."
        )
    if unknown := counts.get(Status.UNKNOWN):
        parts.append(
            f"{counted(unknown, 'recipient')} of requests without an answer: no SessionNo is known, so receipts cannot "
            f"settle them; use airflow-uspeedo resolve. {what_to_do('unknown')}"
        )
    return " ".join(parts)

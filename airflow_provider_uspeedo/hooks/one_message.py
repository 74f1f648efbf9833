# SPDX-License-Identifier: Apache-2.0
"""The content of a single message, checked by the rules for a row of a table, whose messages quote no phone."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_uspeedo.core.content import Target, TaskContent
from airflow_provider_uspeedo.core.row_rules import wrong_parameter, wrong_sender, wrong_template
from airflow_provider_uspeedo.errors import ConfigurationError


def one_message(phone: str, template_id: str, params: Sequence[str], sender_id: str) -> TaskContent:
    """One target with its template and sender.

    :param phone: in any spelling that has the country code.
    :param params: one text for each variable of the template, in order.
    :raises ConfigurationError: an argument cannot be sent; the message names it, and never its value.
    """
    if isinstance(params, str) or not isinstance(params, Sequence):
        raise _refused("params must be a list of texts, one for each variable of the template")
    named = {"phone": phone, "template_id": template_id, "sender_id": sender_id}
    named |= {f"params: parameter {{{number}}}": value for number, value in enumerate(params, 1)}
    for name, value in named.items():
        if not isinstance(value, str):
            raise _refused(f"{name} must be a text, not {type(value).__name__}")
    faults = [
        wrong_template("template_id", template_id),
        wrong_sender("sender_id", sender_id),
        *(wrong_parameter(f"params: parameter {{{number}}}", value) for number, value in enumerate(params, 1)),
    ]
    for fault in filter(None, faults):
        raise _refused(fault)
    return TaskContent(template_id.strip(), sender_id, [Target(_normalised(phone), tuple(params))])


def _normalised(phone: str) -> str:
    from airflow_provider_uspeedo.core.phones import BadPhone, normalise  # heavy: every country's numbers

    try:
        return normalise(phone, None)
    except BadPhone as bad:
        raise _refused(f"phone: {bad.reason}") from None


def _refused(fault: str) -> ConfigurationError:
    return ConfigurationError(f"{fault}. Nothing was sent.")

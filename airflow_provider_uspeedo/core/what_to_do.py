# SPDX-License-Identifier: Apache-2.0
"""The last words of a message: where to read what to do. No other module spells them."""

from __future__ import annotations

from dataclasses import dataclass

COMMAND = "airflow-uspeedo explain"
"""The command that prints a section of the runbook, wherever the package is installed."""


@dataclass(slots=True)
class RunbookPage:
    """The web page that shows the same sections.

    :param url: what the name of a section follows, such as ``"https://airflow.example/uspeedo/runbook/"``; ``""`` where
        there is no such page. The process that serves the page sets it, once, before the first message.
    """

    url: str = ""


PAGE = RunbookPage()
"""The page of this process."""


def explain(section: str) -> str:
    """The command for one section, to be copied.

    >>> explain("not-sent")
    'airflow-uspeedo explain not-sent'
    """
    return f"{COMMAND} {section}"


def what_to_do(section: str) -> str:
    """The last sentence of a message.

    :param section: of the runbook, as a link to its heading names it.

    >>> what_to_do("not-sent")
    'What to do: `airflow-uspeedo explain not-sent`.'
    """
    page = f" or {PAGE.url}{section}" if PAGE.url else ""
    return f"What to do: `{explain(section)}`{page}."

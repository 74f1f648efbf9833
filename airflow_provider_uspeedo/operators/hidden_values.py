# SPDX-License-Identifier: Apache-2.0
"""Hides the arguments of an operator that may hold rows, phones or secrets.

Airflow writes template fields to its database and shows them on its pages.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_uspeedo.operators.hidden_prices import HiddenPrices
from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows
from airflow_provider_uspeedo.operators.policy_arguments import hide_phones
from airflow_provider_uspeedo.operators.query_arguments import HiddenParameters


class HidesValues:
    """A base of operators with the arguments ``recipients``, ``parameters``, ``prices`` and ``policy``."""

    has_policy = False
    """Whether a policy was given: one that is rendered to nothing is then an error."""

    @property
    def recipients(self) -> Any:
        """The table as it was passed; rows are wrapped."""
        return self._recipients

    @recipients.setter
    def recipients(self, given: Any) -> None:
        self._recipients = HiddenRows.hiding(given)

    @property
    def parameters(self) -> Any:
        """The parameters of the query, wrapped in the same way."""
        return self._parameters

    @parameters.setter
    def parameters(self, given: Any) -> None:
        self._parameters = HiddenParameters.hiding(given)

    @property
    def prices(self) -> Any:
        """The prices as they were passed; a frame is wrapped, which Airflow could not write down."""
        return self._prices

    @prices.setter
    def prices(self, given: Any) -> None:
        self._prices = HiddenPrices.hiding(given)

    @property
    def policy(self) -> Any:
        """The policy as a dict; phones in it that may not be texted are wrapped in the same way."""
        return self._policy

    @policy.setter
    def policy(self, given: Any) -> None:
        self.has_policy |= given is not None
        self._policy = hide_phones(given)

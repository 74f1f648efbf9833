# SPDX-License-Identifier: Apache-2.0
"""One row of text becomes a recipient, or a bad row with a reason that names the column and never the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_uspeedo.core.column_checks import (
    LONGEST_MARK,
    BadValue,
    check_printable,
    check_text,
    fits_mark,
    is_code,
    missing,
    shown,
)
from airflow_provider_uspeedo.core.columns import Batch, Columns
from airflow_provider_uspeedo.core.keys import KeyMaker
from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.statuses import Status

LONGEST_SENDER_ID = 11
LONGEST_TEMPLATE_ID = 128

MOST_REMEMBERED = 10_000
"""Templates and senders that are not checked again; a bound, should a column hold something else."""


class RowRules:
    """Reads any one row: the only place where the rules of a row, their order and their words are.

    :param template_id: for rows whose template is not in a column.
    :param sender_id: for rows whose sender is not in a column.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        template_id: str,
        sender_id: str,
        phones: PhoneReader,
        keys: KeyMaker,
    ) -> None:
        self._columns = columns
        self._template_id = template_id
        self._sender_id = sender_id
        # A table has few of them: each is checked once.
        self._good_templates = {template_id: template_id} if template_id else {}
        self._good_senders: dict[str | None, str] = {sender_id: sender_id, None: ""}
        self._phones = phones
        self._keys = keys
        self.variables: Mapping[str, int] = {}
        """How many variables the templates have, as far as that is known."""
        self._param_names = [f"parameter {{{n}}} (column {name!r})" for n, name in enumerate(columns.params, 1)]

    def read_one(self, batch: Batch, index: int) -> Recipient | BadRow:
        """Return the recipient or bad row of one row.

        :param index: of the row in the batch, from 0.
        """
        columns, texts = self._columns, batch.columns
        phone = texts[columns.phone][index]
        user_id, extend_code = _cell(texts, columns.user_id, index, ""), _cell(texts, columns.extend_code, index, "")
        template_id = _cell(texts, columns.template_id, index, self._template_id)
        sender_id = _cell(texts, columns.sender_id, index, self._sender_id)
        key: bytes | None = None
        number: str | None = None
        try:
            if columns.keys:
                key = self._key_of([batch.keys[name][index] for name in columns.keys])
            number = self._phone(phone)
            if key is None:
                key = self._keys.of_phone(number)
            params = self._params(batch, index)
            template = self._good_templates.get(template_id) or self._template(template_id)
            self._check_count(template, params)
            return Recipient(
                batch.first_row + index,
                key,
                number,
                params,
                self._user_id(user_id) if user_id else "",
                self._extend_code(extend_code) if extend_code else "",
                template,
                self._good_senders[sender_id] if sender_id in self._good_senders else self._sender(sender_id),
            )
        except BadValue as bad:
            user, template, sender = shown(user_id), shown(template_id), shown(sender_id)
            return BadRow(
                batch.first_row + index, Status.INVALID, str(bad), number or shown(phone), user, template, sender, key
            )

    # -- one value each -----------------------------------------------------------------------------------------

    def _phone(self, text: Any) -> str:
        if type(text) is not str:
            raise missing(f"phone (column {self._columns.phone!r})", text)
        try:
            return self._phones.read(text)
        except BadPhone as bad:
            raise BadValue(f"phone (column {self._columns.phone!r}): {bad}") from None

    def _key_of(self, values: Sequence[Any]) -> bytes:
        for name, value in zip(self._columns.keys or (), values, strict=True):
            if type(value) is not str:
                raise missing(f"key column {name!r}", value)
        return self._keys.of_values(values)

    def _params(self, batch: Batch, index: int) -> tuple[str, ...]:
        params: Any
        if self._columns.params_list is None:
            names: Sequence[str] = self._param_names
            params = [batch.columns[name][index] for name in self._columns.params]
        else:
            params = batch.lists[self._columns.params_list][index]
            if not isinstance(params, list):
                raise missing(f"parameters (column {self._columns.params_list!r})", params)
            names = [f"parameter {{{n}}} (column {self._columns.params_list!r})" for n in range(1, len(params) + 1)]
        for name, value in zip(names, params, strict=True):
            if type(value) is not str:
                raise missing(name, value)
            check_text(name, value)
        return tuple(params)

    def _check_count(self, template_id: str, params: Sequence[str]) -> None:
        expected = self.variables.get(template_id)
        if expected is not None and expected != len(params):
            has, given = counted(expected, "variable"), counted(len(params), "parameter")
            raise BadValue(f"template {template_id} has {has}, the row has {given}")

    def _user_id(self, text: Any) -> str:
        name = f"user id (column {self._columns.user_id!r})"
        if type(text) is not str:
            raise missing(name, text)
        if len(text) > LONGEST_MARK:
            raise BadValue(f"{name} has {len(text)} characters; at most {LONGEST_MARK} are allowed")
        check_text(name, text)
        if not all(map(fits_mark, text)):
            raise BadValue(f"{name} has a quote, an emoji or a control character")
        return text

    def _extend_code(self, text: Any) -> str:
        name = f"extend code (column {self._columns.extend_code!r})"
        if type(text) is not str:
            raise missing(name, text)
        if not is_code(text):
            raise BadValue(f"{name} is not made of digits")
        return text

    def _template(self, text: Any) -> str:
        name = f"template (column {self._columns.template_id!r})"
        if type(text) is not str or not text.strip():
            raise missing(name, text or None)
        check_printable(name, text)
        if len(text) > LONGEST_TEMPLATE_ID:
            raise BadValue(f"{name} has {len(text)} characters; no template id is that long")
        if len(self._good_templates) < MOST_REMEMBERED:
            self._good_templates[text] = text.strip()
        return text.strip()

    def _sender(self, text: Any) -> str:
        name = f"sender (column {self._columns.sender_id!r})"
        if type(text) is not str:
            raise missing(name, text)
        check_printable(name, text)
        if len(text) > LONGEST_SENDER_ID:
            raise BadValue(f"{name} has {len(text)} characters; at most {LONGEST_SENDER_ID} are allowed")
        if len(self._good_senders) < MOST_REMEMBERED:
            self._good_senders[text] = text
        return text


def _cell(texts: Mapping[str, Sequence[Any]], name: str | None, index: int, constant: str) -> Any:
    return constant if name is None else texts[name][index]

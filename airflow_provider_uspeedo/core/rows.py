# SPDX-License-Identifier: Apache-2.0
"""A row of text becomes a recipient, or a bad row with a reason that names the column and never the value."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, repeat
from typing import Any, Protocol

from airflow_provider_uspeedo.core.keys import KeyMaker
from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.statuses import INVALID
from airflow_provider_uspeedo.core.wording import counted

LONGEST_USER_ID = 32
LONGEST_SENDER_ID = 11
LONGEST_TEMPLATE_ID = 128
LAST_OF_BASIC_PLANE = 0xFFFF
"""Beyond it are the emoji (and nothing a mark needs)."""
LONGEST_SHOWN = 64
"""Characters of a bad row's own text that the results table shows."""

MOST_REMEMBERED = 10_000
"""Templates and senders that are not checked again; a bound, should a column hold something else."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what; ``None`` for what the table does not hold.

    :param params: one column per variable of the template, in order.
    :param params_list: instead of ``params``, one column that holds lists.
    :param keys: the columns that make a recipient one recipient; ``None``: its phone does.
    """

    phone: str
    params: tuple[str, ...] = ()
    params_list: str | None = None
    template_id: str | None = None
    sender_id: str | None = None
    user_id: str | None = None
    extend_code: str | None = None
    keys: tuple[str, ...] | None = None

    def texts(self) -> list[str]:
        """The columns that are read as one text per row, each once."""
        named = [self.phone, *self.params, self.template_id, self.sender_id, self.user_id, self.extend_code]
        return list(dict.fromkeys(name for name in named if name is not None))

    def lists(self) -> list[str]:
        """The columns that are read as a list of texts per row."""
        return [self.params_list] if self.params_list else []


class Batch(Protocol):
    """Rows of text: a ``str``, ``None`` for null or NaN, or something with a ``reason`` why it is no text."""

    @property
    def first_row(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def columns(self) -> Mapping[str, Sequence[Any]]: ...
    @property
    def lists(self) -> Mapping[str, Sequence[Any]]: ...
    @property
    def keys(self) -> Mapping[str, Sequence[Any]]: ...


_recipient: Callable[[tuple[Any, ...]], Recipient] = partial(tuple.__new__, Recipient)
"""A recipient from its fields, at half the price of calling the class; the loop over the rows lives here."""


class _BadValue(Exception):
    """Why a row cannot be sent."""


class RowReader:
    """Reads rows of one table.

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
        self._good_templates = {template_id: template_id}
        self._good_senders = {sender_id}
        self._read_phone = phones.read
        self._keys = keys
        self.variables: Mapping[str, int] = {}
        """How many variables the templates have, as far as that is known."""
        self._param_names = [f"parameter {{{n}}} (column {name!r})" for n, name in enumerate(columns.params, 1)]

    def read(self, batch: Batch) -> Iterator[Recipient | BadRow]:
        """One recipient or bad row for each row, in order."""
        columns, texts = self._columns, batch.columns
        rows: Iterable[Any] = zip(
            count(batch.first_row),
            texts[columns.phone],
            self._params(batch),
            _column(texts, columns.user_id, ""),
            _column(texts, columns.extend_code, ""),
            _column(texts, columns.template_id, self._template_id),
            _column(texts, columns.sender_id, self._sender_id),
            zip(*(batch.keys[name] for name in columns.keys), strict=True) if columns.keys else repeat(()),
            strict=False,
        )
        # Whole columns are looked at first: in a clean table no value is looked at twice.
        clean = all(map(_is_clean, (texts[name] for name in columns.params))) and not columns.params_list
        for row in rows:
            yield self._read(clean, *row)

    def _params(self, batch: Batch) -> Iterable[Any]:
        if self._columns.params_list:
            return batch.lists[self._columns.params_list]
        if self._columns.params:
            return zip(*(batch.columns[name] for name in self._columns.params), strict=True)
        return repeat((), batch.length)

    def _read(
        self,
        clean: bool,
        row_number: int,
        phone: Any,
        params: Any,
        user_id: Any,
        extend_code: Any,
        template_id: Any,
        sender_id: Any,
        key_values: tuple[Any, ...],
    ) -> Recipient | BadRow:
        key: bytes | None = None
        number: str | None = None
        try:
            if key_values:
                key = self._key_of(key_values)
            number = self._phone(phone)
            if key is None:
                key = self._keys.of_phone(number)
            if not clean:
                params = self._checked_params(params)
            template = self._good_templates.get(template_id) or self._template(template_id)
            if self.variables:
                self._check_count(template, params)
            return _recipient(
                (
                    row_number,
                    key,
                    number,
                    params,
                    (user_id and self._user_id(user_id)) or "",
                    (extend_code and self._extend_code(extend_code)) or "",
                    template,
                    sender_id if sender_id in self._good_senders else self._sender(sender_id),
                )
            )
        except _BadValue as bad:
            user, template, sender = _shown(user_id), _shown(template_id), _shown(sender_id)
            return BadRow(row_number, INVALID, str(bad), number or _shown(phone), user, template, sender, key)

    # -- one value each -----------------------------------------------------------------------------------------

    def _phone(self, text: Any) -> str:
        if type(text) is not str:
            raise _missing(f"phone (column {self._columns.phone!r})", text)
        try:
            return self._read_phone(text)
        except BadPhone as bad:
            raise _BadValue(f"phone (column {self._columns.phone!r}): {bad}") from None

    def _key_of(self, values: tuple[Any, ...]) -> bytes:
        for name, value in zip(self._columns.keys or (), values, strict=True):
            if type(value) is not str:
                raise _missing(f"key column {name!r}", value)
        return self._keys.of_values(values)

    def _checked_params(self, params: Any) -> tuple[str, ...]:
        if self._columns.params_list is None:
            names: Sequence[str] = self._param_names
        elif isinstance(params, list):
            names = [f"parameter {{{n}}} (column {self._columns.params_list!r})" for n in range(1, len(params) + 1)]
        else:
            raise _missing(f"parameters (column {self._columns.params_list!r})", params)
        for name, value in zip(names, params, strict=True):
            if type(value) is not str:
                raise _missing(name, value)
            _check_text(name, value)
        return tuple(params)

    def _check_count(self, template_id: str, params: Sequence[str]) -> None:
        expected = self.variables.get(template_id)
        if expected is not None and expected != len(params):
            has, given = counted(expected, "variable"), counted(len(params), "parameter")
            raise _BadValue(f"template {template_id} has {has}, the row has {given}")

    def _user_id(self, text: Any) -> str:
        name = f"user id (column {self._columns.user_id!r})"
        if type(text) is not str:
            raise _missing(name, text)
        if len(text) > LONGEST_USER_ID:
            raise _BadValue(f"{name} has {len(text)} characters; at most {LONGEST_USER_ID} are allowed")
        _check_text(name, text)
        if any(c in "'\"`" or ord(c) > LAST_OF_BASIC_PLANE or unicodedata.category(c) in ("So", "Cc") for c in text):
            raise _BadValue(f"{name} has a quote, an emoji or a control character")
        return text

    def _extend_code(self, text: Any) -> str:
        name = f"extend code (column {self._columns.extend_code!r})"
        if type(text) is not str:
            raise _missing(name, text)
        if not (text.isascii() and text.isdecimal()):
            raise _BadValue(f"{name} is not made of digits")
        return text

    def _template(self, text: Any) -> str:
        name = f"template (column {self._columns.template_id!r})"
        if type(text) is not str or not text.strip():
            raise _missing(name, text or None)
        _check_printable(name, text)
        if len(text) > LONGEST_TEMPLATE_ID:
            raise _BadValue(f"{name} has {len(text)} characters; no template id is that long")
        if len(self._good_templates) < MOST_REMEMBERED:
            self._good_templates[text] = text.strip()
        return text.strip()

    def _sender(self, text: Any) -> str:
        name = f"sender (column {self._columns.sender_id!r})"
        if text is None:
            return ""
        if type(text) is not str:
            raise _missing(name, text)
        _check_printable(name, text)
        if len(text) > LONGEST_SENDER_ID:
            raise _BadValue(f"{name} has {len(text)} characters; at most {LONGEST_SENDER_ID} are allowed")
        if len(self._good_senders) < MOST_REMEMBERED:
            self._good_senders.add(text)
        return text


def _column(texts: Mapping[str, Sequence[Any]], name: str | None, constant: str) -> Any:
    return repeat(constant) if name is None else texts[name]


def _is_clean(values: Sequence[Any]) -> bool:
    """True if every value is text that can be sent."""
    try:
        whole = "".join(values)
        whole.encode()
    except (TypeError, UnicodeEncodeError):
        return False
    return "\0" not in whole


def _missing(name: str, value: Any) -> _BadValue:
    reason = getattr(value, "reason", None)
    return _BadValue(f"{name} is empty (null or NaN)" if reason is None else f"{name}: {reason}")


def _check_text(name: str, text: str) -> None:
    if "\0" in text:  # PostgreSQL cannot store one, and no telephone can show one
        raise _BadValue(f"{name} has a NUL character and cannot be sent")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _BadValue(f"{name} has half a character (a lone surrogate) and cannot be sent") from None


def _check_printable(name: str, text: str) -> None:
    if not text.isprintable():
        raise _BadValue(f"{name} has a character that cannot be printed")


def _shown(text: Any) -> str:
    """What the results table shows of a bad row: short, and storable in any database."""
    if not isinstance(text, str):
        return ""
    return text[:LONGEST_SHOWN].replace("\0", "").encode("utf-8", "replace").decode()

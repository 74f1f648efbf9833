# SPDX-License-Identifier: Apache-2.0
"""PLACEHOLDER until R1's module is merged."""

from __future__ import annotations

import phonenumbers  # noqa: TID253
import pyarrow as pa  # noqa: TID253


def countries_by_phone(phones: pa.Array) -> pa.DictionaryArray:
    return pa.array([_one(phone) for phone in phones.to_pylist()], pa.large_string()).dictionary_encode()


def _one(phone: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse("+" + phone.strip("(").replace(")", ""))) or ""
    except phonenumbers.NumberParseException:
        return ""

# SPDX-License-Identifier: Apache-2.0
"""Signatures and Basic authentication."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.request.auth import basic_headers, flat, sign, signed_headers

VECTORS = json.loads(Path(__file__).with_name("signature_vectors.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_known_signature_is_made(vector):
    """The digest equals the vendor's, or the one recomputed where the vendor's is wrong."""
    assert sign(flat(vector["body"]), vector["secret"]) == vector["signature"]


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers()))
def test_the_order_of_keys_does_not_matter(body):
    """Keys are signed in byte order, however the body was put together."""
    turned = dict(reversed(body.items()))
    assert flat(body) == flat(turned) == "".join(f"{key}{body[key]}" for key in sorted(body, key=str.encode))


@pytest.mark.parametrize(
    ("number", "text"), [(1e21, "1" + "0" * 21), (1.5e-7, "0.00000015"), (100.0, "100"), (-0.25, "-0.25"), (0.0, "0")]
)
def test_floats_are_written_plainly(number, text):
    """No float is signed in scientific notation, and none ends in a bare point."""
    assert flat(number) == text


def test_what_json_does_not_have_is_not_signed():
    """A value that the body could not carry is an error instead of a wrong signature."""
    with pytest.raises(TypeError, match="set"):
        flat({"a": {1}})


def test_the_headers_carry_what_they_were_given():
    """Time and nonce are arguments: the same request gives the same headers."""
    headers = signed_headers("text", key_id="id", secret="s", timestamp=1700000000, nonce="n")
    assert headers == {
        "X-Access-Key-Id": "id",
        "X-Signature": sign("text", "s"),
        "X-Timestamp": "1700000000",
        "X-Nonce": "n",
    }


def test_basic_authentication_is_the_pair_in_base64():
    """A secret with a colon or an umlaut survives."""
    header = basic_headers(key_id="id", secret="s:ü")["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "id:s:ü"

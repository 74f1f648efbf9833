# SPDX-License-Identifier: Apache-2.0
"""The table of failures names every exception that the HTTP libraries have."""

from __future__ import annotations

import inspect

import pytest
import requests.exceptions
import urllib3.exceptions

from airflow_provider_uspeedo.api.http.transport_errors import DELIVERY_BY_CLASS, Delivery, delivery_by_class, name_of


def classes_of(module):
    return [found for _, found in inspect.getmembers(module, inspect.isclass) if issubclass(found, BaseException)]


@pytest.mark.parametrize("module", [requests.exceptions, urllib3.exceptions], ids=["requests", "urllib3"])
def test_every_exception_of_the_libraries_is_named(module):
    """A new version with a new class fails here until it is decided what the class means."""
    missing = {name_of(kind) for kind in classes_of(module)} - set(DELIVERY_BY_CLASS)
    assert not missing, "decide for each: can it be raised after the first byte went out?"


def test_a_class_that_is_not_named_may_have_arrived():
    """The safe side is never to send again."""
    assert (
        delivery_by_class(type("Surprise", (urllib3.exceptions.NewConnectionError,), {})) is Delivery.MAY_HAVE_ARRIVED
    )
    assert delivery_by_class(KeyError) is Delivery.MAY_HAVE_ARRIVED


@pytest.mark.parametrize(
    "kind",
    [
        requests.exceptions.ReadTimeout,
        requests.exceptions.ConnectionError,
        requests.exceptions.SSLError,
        requests.exceptions.ProxyError,
        requests.exceptions.InvalidHeader,
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.SSLError,
    ],
)
def test_what_may_happen_after_the_first_byte_may_have_arrived(kind):
    """Also if it mostly happens before."""
    assert delivery_by_class(kind) is Delivery.MAY_HAVE_ARRIVED


def test_no_class_named_as_never_left_has_a_less_certain_child():
    """A class is judged by itself, so a child must not be less certain than its parent looks."""
    kinds = [kind for module in (requests.exceptions, urllib3.exceptions) for kind in classes_of(module)]
    never = [kind for kind in kinds if delivery_by_class(kind) is Delivery.NEVER_LEFT]
    assert never
    assert all(delivery_by_class(kind) is Delivery.NEVER_LEFT for kind in kinds if issubclass(kind, tuple(never)))

# SPDX-License-Identifier: Apache-2.0
"""Prices of a segment, exact, and never a guess."""

from __future__ import annotations

import json
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.campaign.price_list import read_prices
from airflow_provider_uspeedo.core.prices import Cost, Prices, SegmentPrice
from airflow_provider_uspeedo.errors import ConfigurationError, SourceNotFound

ROWS = [
    {"country": "HK", "price": 0.05, "currency": "USD"},
    {"country": "mo", "price": "0.0410", "currency": "usd"},
    {"country": "CN", "price": Decimal("0.03"), "currency": "USD"},
]
USD = [("CN", "0.03", "USD"), ("HK", "0.05", "USD"), ("MO", "0.041", "USD")]
UNKNOWN = [("HK", "0.05", ""), ("MO", "0.041", "")]


@pytest.mark.parametrize(
    "given",
    [
        {"HK": 0.05, "MO": 0.041},
        {"hk": "0.05", " mo ": Decimal("0.0410")},
        '{"HK": 0.05, "MO": 4.1e-2}',
        " {'HK': 0.05, 'MO': 0.041}\n",
        [{"country": "HK", "price": 0.05}, {"country": "MO", "price": 0.041, "currency": None}],
        '[{"country": "HK", "price": "0.05"}, {"country": "MO", "price": 0.041, "currency": ""}]',
    ],
)
def test_without_a_currency_it_is_not_known(given):
    """A dict of prices, or a table without that column; as an object, as JSON, or as Python writes it."""
    assert read_prices(given).canonical() == UNKNOWN


TEXTS = [{name: str(value) for name, value in row.items()} for row in ROWS]


@pytest.mark.parametrize(
    "given",
    [
        ROWS,
        tuple(ROWS),
        json.dumps(TEXTS),
        repr(TEXTS),
        pd.DataFrame(TEXTS),
        pl.DataFrame(TEXTS),
        pa.Table.from_pylist(TEXTS),
    ],
    ids=["list", "tuple", "json", "python", "pandas", "polars", "arrow"],
)
def test_a_table_of_any_kind_has_prices(given):
    """Price and country in any type and case."""
    assert read_prices(given).canonical() == USD


@pytest.mark.parametrize("type_", [pa.float64(), pa.decimal128(12, 6), pa.string()], ids=str)
def test_a_file_has_prices(tmp_path, type_):
    """Whatever the type of its numbers."""
    prices = pa.array([Decimal("0.03"), Decimal("0.05"), Decimal("0.041")], pa.decimal128(12, 6)).cast(type_)
    table = pa.table({"country": ["CN", "HK", "MO"], "price": prices, "currency": ["USD"] * 3, "since": [1, 2, 3]})
    pq.write_table(table, tmp_path / "prices.parquet")
    assert read_prices(str(tmp_path / "prices.parquet")).canonical() == USD
    assert read_prices(tmp_path / "prices.parquet").canonical() == USD


@pytest.mark.parametrize("nothing", [None, "", " ", "None", "null"])
def test_nothing_is_no_prices(nothing):
    """As a field of a form that is left empty."""
    assert read_prices(nothing) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "there is no price in it"),
        ("{}", "there is no price in it"),
        ({"XX": 1}, "country of 'XX' is not one"),
        (42, "prices must be a dict, such as {'HK': 0.05}, or a table, and is of type int"),
        ({"+85255311111": 1}, "country of '****1111' is not one"),
        ({"UK": 1}, "Did you mean GB?"),
        ({"+852": 1}, "Did you mean HK?"),
        ({None: 1}, "country of 'None' is not one"),
        ({"HK": 1, "hk": 2}, "HK is there a second time (of 'hk')"),
        ({"HK": -0.01}, "price of 'HK' is no price"),
        ({"HK": float("nan")}, "price of 'HK' is no price"),
        ({"HK": float("inf")}, "price of 'HK' is no price"),
        ({"HK": True}, "price of 'HK' is no price"),
        ({"HK": None}, "price of 'HK' is no price"),
        ({"HK": "0,05"}, "price of 'HK' is no price"),
        ({"HK": "$1"}, "price of 'HK' is no price"),
        ({"HK": "1e-400"}, "price of 'HK' is no price"),
        ({"HK": "1e99"}, "price of 'HK' is no price"),
        ({"HK": [0.05]}, "price of 'HK' is no price"),
        ([*ROWS, {"country": "HK", "price": 1}], "HK is there a second time (in row 4)"),
        ([{"country": "HK"}], "row 1 is no dict with the keys 'country' and 'price'"),
        (["HK"], "row 1 is no dict"),
        ([{"country": "HK", "price": 1, "currency": "Dollar"}], "currency in row 1 is not one"),
        ([{"country": "HK", "price": 1, "currency": 840}], "currency in row 1 is not one"),
        (pd.DataFrame({"country": ["HK"], "cost": [1]}), "no column 'price'"),
        (pd.DataFrame({"country": ["HK", None], "price": [1, 2]}), "country in row 2 is not one"),
        (pd.DataFrame({"country": ["HK", "MO"], "price": [1, None]}), "price in row 2 is no price"),
        (pd.DataFrame({"country": [], "price": []}), "there is no price in it"),
        ([], "there is no price in it"),
        ("{HK: 0.05}", "neither a dict nor a list of dicts"),
        (0.05, "prices"),
    ],
)
def test_what_is_wrong_is_named(given, message):
    """Where it is, and what would be right."""
    with pytest.raises(ConfigurationError) as error:
        read_prices(given)
    assert str(error.value).startswith("prices")
    assert message in str(error.value)


def test_a_missing_file_may_still_come(tmp_path):
    """As a late partition of a table may."""
    with pytest.raises(SourceNotFound, match=r"^prices: "):
        read_prices(str(tmp_path / "none.parquet"))


def test_the_cost_is_exact():
    """No sum of floating-point numbers: a tenth ten times is one."""
    prices = Prices.from_dict({"HK": 0.1, "MO": "0.0123456789"})
    assert prices.cost_of({"HK": 10}) == Cost(Decimal("1.0"), None, (), ("",))
    assert prices.cost_of({"HK": 3, "MO": 1_000_000_000_000}).amount == Decimal("12345678900.3")


def test_a_price_that_went_through_a_float_is_what_was_meant():
    """The nearest float to a price, or one of its neighbours, is that price."""
    prices = Prices.from_dict({"HK": 0.1 + 0.2, "MO": "0.049999999999999996", "CN": 7})
    assert [price for _, price, _ in prices.canonical()] == ["7", "0.3", "0.05"]


def test_a_country_without_a_price_leaves_no_cost():
    """The cost of the others alone would be a guess of the whole; one without segments costs nothing."""
    prices = Prices.from_rows([("", "HK", 1, "USD")])
    assert prices.cost_of({"HK": 1, "MO": 2, "CN": 1, "DE": 0}) == Cost(None, "USD", ("CN", "MO"), ("USD",))
    assert prices.cost_of({"HK": 2, "DE": 0}) == Cost(Decimal(2), "USD", (), ("USD",))
    assert prices.cost_of({}) == Cost(Decimal(0), "USD", (), ())


def test_two_currencies_are_not_added():
    """One that is not known is another one."""
    prices = Prices(
        {
            "HK": SegmentPrice(Decimal(1), "HKD"),
            "US": SegmentPrice(Decimal(1), "USD"),
            "MO": SegmentPrice(Decimal(1), None),
        }
    )
    assert prices.cost_of({"HK": 1, "US": 1}) == Cost(None, None, (), ("HKD", "USD"))
    assert prices.cost_of({"MO": 1, "US": 1}) == Cost(None, None, (), ("", "USD"))
    assert prices.cost_of({"HK": 5}) == Cost(Decimal(5), "HKD", (), ("HKD",))


def test_a_representation_has_no_price():
    """Prices are the user's agreement with the vendor."""
    assert "0.05" not in repr(Prices.from_dict({"HK": 0.05}))

# SPDX-License-Identifier: Apache-2.0
"""A contact policy as people write it, and two policies that hold at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.contact_policy import FIELDS, read_policy, tightened
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, Cap, ContactRules, Window
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.policy import ContactPolicy

PHONE = "+85255311111"
WHOLE: dict[str, Any] = {
    "countries": ["hk", "MO"],
    "hours": ["09:00", "20:00"],
    "time_zone_column": "zone",
    "at_most": {"texts": 2, "days": 7},
    "not_after": "2026-11-22T20:00+08:00",
}
RULES = ContactRules(
    countries=frozenset({"HK", "MO"}),
    windows=(Window(time(9), time(20)),),
    time_zone_column="zone",
    caps=(Cap(2, 7),),
    not_after=datetime(2026, 11, 22, 12, tzinfo=UTC),
)


def read(**fields: Any) -> ContactRules:
    return read_policy(fields, "policy")


def refusal(**fields: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(**fields)
    return str(raised.value)


@pytest.mark.parametrize("written", [WHOLE, json.dumps(WHOLE), str(WHOLE), f" {WHOLE} "])
def test_a_policy_is_an_object_or_its_text(written: Any) -> None:
    """As JSON, and as Python writes a dict, which is how a form's field is rendered."""
    assert read_policy(written, "policy") == RULES
    assert read_policy({}, "policy") == read_policy("{}", "policy") == NO_RULES


def test_the_class_has_the_fields_of_the_dict() -> None:
    """And gives those that were given."""
    assert read_policy(ContactPolicy(**WHOLE).to_dict(), "policy") == RULES
    assert ContactPolicy().to_dict() == {}
    assert set(ContactPolicy(suppress="x", **WHOLE).to_dict()) == set(FIELDS)
    with pytest.raises(TypeError, match="country"):
        ContactPolicy(country="HK")  # type: ignore[call-arg]


def test_the_text_of_a_policy_shows_no_phone() -> None:
    """Neither that of what the DAG gives nor that of the rules."""
    assert "5531" not in f"{ContactPolicy(suppress=[PHONE])!r}{ContactPolicy(suppress=[PHONE]).serialize()}"
    assert "5531" not in repr(read(suppress=[PHONE]))


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("countries", "HK, mo", {"countries": frozenset({"HK", "MO"})}),
        ("countries", '["HK"]', {"countries": frozenset({"HK"})}),
        ("countries", ("XK",), {"countries": frozenset({"XK"})}),
        ("hours", "9:00-20:00", {"windows": (Window(time(9), time(20)),)}),
        ("hours", "['21:30', '06:00']", {"windows": (Window(time(21, 30), time(6)),)}),
        ("hours", (time(9), time(20)), {"windows": (Window(time(9), time(20)),)}),
        ("hours", ["09:00", "24:00"], {"windows": (Window(time(9), time(0)),)}),
        ("hours", ["00:00", "24:00"], {}),
        ("at_most", '{"texts": "1", "days": 30}', {"caps": (Cap(1, 30),)}),
        ("at_most", [{"texts": 1, "days": 1}, {"texts": 3.0, "days": 30}], {"caps": (Cap(1, 1), Cap(3, 30))}),
        ("not_after", "2026-11-22T12:00Z", {"not_after": datetime(2026, 11, 22, 12, tzinfo=UTC)}),
        ("not_after", "2026-11-22 12:00:00+00:00", {"not_after": datetime(2026, 11, 22, 12, tzinfo=UTC)}),
        (
            "not_after",
            datetime(2026, 11, 22, 20, tzinfo=timezone(timedelta(hours=8))),
            {"not_after": datetime(2026, 11, 22, 12, tzinfo=UTC)},
        ),
        ("time_zone_column", " zone ", {"time_zone_column": "zone"}),
    ],
)
def test_each_field_may_be_written_in_several_ways(field: str, value: Any, found: dict[str, Any]) -> None:
    """Templates and forms give text for everything."""
    assert read(**{field: value}) == ContactRules(**found)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("countries", [], "empty list"),
        ("countries", ["UK"], "Did you mean 'GB'?"),
        ("countries", ["Hong Kong"], "'Hong Kong' is no country"),
        ("countries", ["ZZ"], "is no country"),
        ("countries", ["001"], "is no country"),
        ("countries", 5, "list of countries"),
        ("hours", ["09:00"], "two times of day"),
        ("hours", ["09:00", "09:00"], "at the same time"),
        ("hours", ["00:00", "00:00"], "at the same time"),
        ("hours", {"21:00", "06:00"}, "two times of day"),
        ("hours", ["24:00", "09:00"], "two times of day"),
        ("hours", ["9", "20"], "two times of day"),
        ("hours", ["09:00", "25:00"], "two times of day"),
        ("hours", ["09:00+08:00", "20:00"], "two times of day"),
        ("hours", [time(9, tzinfo=UTC), time(20)], "without a time zone"),
        ("hours", [9, 20], "two times of day"),
        ("time_zone_column", 5, "name of a column"),
        ("at_most", {"texts": 0, "days": 7}, "'texts' must be a whole number from 1"),
        ("at_most", {"texts": 1, "days": 0.5}, "'days' must be a whole number from 1"),
        ("at_most", {"texts": True, "days": 1}, "'texts'"),
        ("at_most", {"texts": "many", "days": 1}, "'texts'"),
        ("at_most", {"texts": 1, "days": 4000}, "to 3,650"),
        ("at_most", {"texts": 1}, "'days': 7"),
        ("at_most", {"texts": 1, "days": 1, "hours": 1}, "'days': 7"),
        ("at_most", [], "list of such"),
        ("at_most", 2, "list of such"),
        ("not_after", "2026-11-22T20:00", "no time zone"),
        ("not_after", "2026-11-22", "no time zone"),
        ("not_after", datetime(2026, 11, 22), "no time zone"),  # noqa: DTZ001 - a person may give one
        ("not_after", "tomorrow", "2026-11-22T20:00+08:00"),
        ("not_after", 5, "2026-11-22T20:00+08:00"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, said: str) -> None:
    """With what is wrong, and what to write."""
    text = refusal(**{field: value})
    assert text.startswith(f"policy: {field}")
    assert said in text


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("nothing", [None, "", " ", "None", "null"])
def test_a_field_that_is_empty_is_refused(field: str, nothing: Any) -> None:
    """A variable that is not set must not switch a rule off."""
    text = refusal(**{field: nothing})
    assert text.startswith(f"policy: {field} is ")
    assert "leave it out" in text


def test_an_unknown_field_is_named() -> None:
    """With the one that may be meant; what may be a phone is masked."""
    assert "has no field 'country'. Did you mean 'countries'?" in refusal(country=["HK"])
    assert "It can have: suppress, countries, hours" in refusal(quiet=1)
    assert "5531" not in refusal(**{PHONE: 1})


@pytest.mark.parametrize("given", [None, 5, "", "countries", "[1]", "{'countries': [}", [WHOLE]])
def test_what_is_no_policy_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"policy must be a ContactPolicy or a dict with some of suppress"):
        read_policy(given, "policy")


def test_two_policies_hold_at_once() -> None:
    """Lists by union, countries by intersection, all windows and caps, the earlier moment, the DAG's column."""
    company = read(
        suppress="/lake/opt-outs.parquet", countries=["HK", "MO"], hours=["08:00", "21:00"], time_zone_column="zone",
        at_most={"texts": 5, "days": 30}, not_after="2026-12-31T00:00Z",
    )  # fmt: skip
    dag = read(
        suppress=[PHONE], countries=["MO", "CN"], hours=["09:00", "20:00"], time_zone_column="tz",
        at_most={"texts": 1, "days": 1}, not_after="2026-11-30T00:00Z",
    )  # fmt: skip
    both = tightened(company, dag)
    assert [source.path for source in both.suppress] == ["/lake/opt-outs.parquet", None]
    assert both.suppress[1].rows == [PHONE]
    assert both.countries == {"MO"}
    assert both.windows == (*company.windows, *dag.windows)
    assert both.caps == (Cap(5, 30), Cap(1, 1))
    assert both.not_after == dag.not_after
    assert both.time_zone_column == "tz"
    assert tightened(dag, company).not_after == dag.not_after
    assert tightened(company, NO_RULES) == tightened(NO_RULES, company) == company


def test_policies_without_a_common_country_are_refused() -> None:
    """Nothing could be sent; both lists are named."""
    with pytest.raises(ConfigurationError, match=r"countries \(CN\) .* allows \(HK, MO\)"):
        tightened(read(countries=["HK", "MO"]), read(countries=["CN"]))


COUNTRIES = st.none() | st.frozensets(st.sampled_from(["HK", "MO", "CN", "US", "CA"]), min_size=1)
MOMENTS = st.none() | st.integers(0, 5).map(lambda days: datetime(2026, 11, 22, tzinfo=UTC) + timedelta(days=days))
POLICIES = st.builds(
    ContactRules,
    suppress=st.lists(st.sampled_from([object() for _ in range(4)]), max_size=3).map(tuple),
    countries=COUNTRIES,
    windows=st.lists(st.builds(Window, st.just(time(9)), st.integers(10, 20).map(time)), max_size=2).map(tuple),
    time_zone_column=st.none() | st.sampled_from(["zone", "tz"]),
    caps=st.lists(st.builds(Cap, st.integers(1, 3), st.integers(1, 3)), max_size=2).map(tuple),
    not_after=MOMENTS,
)


def allows(rules: ContactRules, country: str, moment: datetime) -> bool:
    in_time = rules.not_after is None or moment <= rules.not_after
    return in_time and (rules.countries is None or country in rules.countries)


@given(POLICIES, POLICIES, st.sampled_from(["HK", "MO", "CN", "US"]), MOMENTS.filter(bool))
def test_what_either_forbids_both_forbid(
    company: ContactRules, dag: ContactRules, country: str, moment: datetime
) -> None:
    """And nothing else is forbidden: a merged policy is never looser than one of the two, and not tighter than both."""
    try:
        both = tightened(company, dag)
    except ConfigurationError:
        assert company.countries is not None
        assert dag.countries is not None
        assert not company.countries & dag.countries
        return
    assert allows(both, country, moment) == (allows(company, country, moment) and allows(dag, country, moment))
    for name in ("suppress", "windows", "caps"):
        assert set(getattr(both, name)) == {*getattr(company, name), *getattr(dag, name)}
    assert both.time_zone_column == (dag.time_zone_column or company.time_zone_column)

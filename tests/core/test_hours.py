# SPDX-License-Identifier: Apache-2.0
"""Windows of hours are those of the clock on the recipient's wall, whatever is done to that clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core import hours
from airflow_provider_uspeedo.core.contact_rules import Window
from airflow_provider_uspeedo.core.hours import HORIZON, Opening, opening
from airflow_provider_uspeedo.core.time_zones import is_zone, zones_of_country

MINUTE = timedelta(minutes=1)
DAYTIME = Window(time(9), time(20))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(moment: str, zones: list[str], *windows: Window) -> tuple[bool, str | None]:
    """Whether the windows are open, and the moment at which that changes."""
    found = opening(windows, zones, utc(moment))
    return found.is_open, found.until and found.until.strftime("%Y-%m-%d %H:%M")


def is_open_by_the_minute(windows: list[Window], zones: list[str], moment: datetime) -> bool:
    """What a person reads off the clocks on the walls; written apart from what it tests."""
    for name in zones:
        shown = moment.astimezone(ZoneInfo(name)).time()
        for window in windows:
            crosses = window.closes <= window.opens
            after, before = shown >= window.opens, shown < window.closes
            if not (after or before if crosses else after and before):
                return False
    return True


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-11-29 00:59", "Asia/Hong_Kong", (False, "2026-11-29 01:00")),
        ("2026-11-29 01:00", "Asia/Hong_Kong", (True, "2026-11-29 12:00")),
        ("2026-11-29 12:00", "Asia/Hong_Kong", (False, "2026-11-30 01:00")),
        ("2026-12-31 23:30", "Europe/London", (False, "2027-01-01 09:00")),
        ("2026-12-31 23:30", "Pacific/Auckland", (True, "2027-01-01 07:00")),
        ("2026-12-31 23:30", "America/New_York", (True, "2027-01-01 01:00")),
        ("2026-11-29 00:00", "Asia/Kathmandu", (False, "2026-11-29 03:15")),
        ("2026-11-29 00:00", "Pacific/Kiritimati", (True, "2026-11-29 06:00")),
    ],
)
def test_a_window_opens_and_closes_on_the_clock_of_the_zone(moment: str, zone: str, expected: tuple[bool, str]) -> None:
    """Its first moment is in it, its last one is not; a new year is a day like others."""
    assert at(moment, [zone], DAYTIME) == expected


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        # 2027-03-14 in New York: 02:00 becomes 03:00, so 09:00 comes an hour earlier.
        ("2027-03-14 05:00", "America/New_York", (False, "2027-03-14 13:00")),
        ("2027-03-13 05:00", "America/New_York", (False, "2027-03-13 14:00")),
        # 2026-10-25 in London: 02:00 becomes 01:00, so it comes an hour later.
        ("2026-10-25 00:00", "Europe/London", (False, "2026-10-25 09:00")),
        ("2026-10-24 00:00", "Europe/London", (False, "2026-10-24 08:00")),
        # 2027-04-04 on Lord Howe Island: 02:00 becomes 01:30.
        ("2027-04-03 13:00", "Australia/Lord_Howe", (False, "2027-04-03 22:30")),
        ("2027-04-02 13:00", "Australia/Lord_Howe", (False, "2027-04-02 22:00")),
        # 2026-10-04 there: 02:00 becomes 02:30.
        ("2026-10-03 13:00", "Australia/Lord_Howe", (False, "2026-10-03 22:00")),
    ],
)
def test_the_days_on_which_clocks_are_changed(moment: str, zone: str, expected: tuple[bool, str]) -> None:
    """Also by half an hour; the window is that of the wall."""
    assert at(moment, [zone], DAYTIME) == expected


def test_a_time_of_day_that_is_skipped_opens_with_the_change() -> None:
    """In New York there is no 02:30 on 2027-03-14: after 01:59 comes 03:00, which is in the window."""
    window = Window(time(2, 30), time(4))
    assert at("2027-03-14 06:00", ["America/New_York"], window) == (False, "2027-03-14 07:00")
    assert at("2027-03-14 07:00", ["America/New_York"], window) == (True, "2027-03-14 08:00")


def test_a_window_within_the_skipped_hour_does_not_open_that_day() -> None:
    window = Window(time(2, 10), time(2, 50))
    assert at("2027-03-14 05:00", ["America/New_York"], window) == (False, "2027-03-15 06:10")


def test_a_time_of_day_that_comes_twice_is_in_the_window_twice() -> None:
    """In New York 01:00 to 02:00 comes twice on 2026-11-01."""
    window = Window(time(1, 15), time(1, 45))
    assert at("2026-11-01 05:00", ["America/New_York"], window) == (False, "2026-11-01 05:15")
    assert at("2026-11-01 05:30", ["America/New_York"], window) == (True, "2026-11-01 05:45")
    assert at("2026-11-01 05:45", ["America/New_York"], window) == (False, "2026-11-01 06:15")
    assert at("2026-11-01 06:15", ["America/New_York"], window) == (True, "2026-11-01 06:45")


def test_a_window_closes_with_a_change_that_puts_the_clock_before_it() -> None:
    """From 01:30: it closes when 02:00 becomes 01:00, and opens again half an hour later."""
    window = Window(time(1, 30), time(5))
    assert at("2026-11-01 05:30", ["America/New_York"], window) == (True, "2026-11-01 06:00")
    assert at("2026-11-01 06:00", ["America/New_York"], window) == (False, "2026-11-01 06:30")


def test_a_date_that_a_country_skips_has_no_hours() -> None:
    """Samoa went from 2011-12-29 to 2011-12-31: midnight there was 10:00 UTC, before and after."""
    assert at("2011-12-30 07:00", ["Pacific/Apia"], DAYTIME) == (False, "2011-12-30 19:00")
    assert at("2011-12-30 00:00", ["Pacific/Apia"], DAYTIME) == (True, "2011-12-30 06:00")


def test_a_window_across_midnight() -> None:
    night = Window(time(22), time(6))
    assert at("2026-12-31 21:59", ["Europe/London"], night) == (False, "2026-12-31 22:00")
    assert at("2027-01-01 00:00", ["Europe/London"], night) == (True, "2027-01-01 06:00")


def test_a_window_that_closes_as_it_opens_is_always_open() -> None:
    whole_day = Window(time(0), time(0))
    assert at("2026-12-31 21:59", ["Europe/London"], whole_day) == (True, None)
    assert at("2026-12-31 21:59", ["Europe/London"], whole_day, DAYTIME) == (False, "2027-01-01 09:00")


def test_all_windows_must_be_open() -> None:
    assert at("2026-06-01 00:00", ["UTC"], DAYTIME, Window(time(18), time(23))) == (False, "2026-06-01 18:00")
    assert at("2026-06-01 19:00", ["UTC"], DAYTIME, Window(time(18), time(23))) == (True, "2026-06-01 20:00")


def test_windows_that_never_overlap_never_open() -> None:
    assert at("2026-06-01 00:00", ["UTC"], DAYTIME, Window(time(20), time(22))) == (False, None)


def test_a_country_with_several_zones_is_open_when_all_of_them_are() -> None:
    """China's table has Urumqi, two hours behind; Kiribati lies on both sides of where the date line was."""
    assert at("2026-11-29 00:00", list(zones_of_country("CN")), DAYTIME) == (False, "2026-11-29 03:00")
    assert at("2026-11-29 03:00", list(zones_of_country("CN")), DAYTIME) == (True, "2026-11-29 12:00")
    assert at("2026-11-29 06:00", list(zones_of_country("KI")), DAYTIME) == (False, "2026-11-29 21:00")
    assert at("2026-11-29 00:00", list(zones_of_country("RU")), Window(time(9), time(18))) == (False, None)


def test_windows_that_overlap_only_in_winter_open_in_winter() -> None:
    """Phoenix keeps its clocks: 09:00 there is 16:00 in a winter's London, and 17:00 in summer."""
    zones = ["Europe/London", "America/Phoenix"]
    assert at("2027-03-29 00:00", zones, Window(time(9), time(16, 30))) == (False, "2027-10-31 16:00")


def test_nothing_is_open_that_opens_beyond_the_horizon() -> None:
    found = opening([DAYTIME, Window(time(20), time(21))], ["UTC"], utc("2026-06-01 00:00"))
    assert found.holds(utc("2026-06-01 00:00") + HORIZON / 4)
    assert not found.holds(utc("2026-06-01 00:00") - MINUTE)


def test_an_opening_holds_until_it_changes() -> None:
    found = Opening(True, utc("2026-06-01 09:00"), utc("2026-06-01 20:00"))
    assert [found.holds(utc(f"2026-06-01 {hour}:00")) for hour in ("08", "09", "19", "20")] == [
        False,
        True,
        True,
        False,
    ]


CHANGES = [
    "2026-03-08 10:00", "2026-03-29 01:00", "2026-04-04 15:00", "2026-10-03 15:30", "2026-10-25 01:00",
    "2026-11-01 06:00", "2026-12-31 12:00", "2011-12-30 10:00", "2026-02-15 02:00", "2026-03-22 02:00",
    "1994-12-31 10:00",
]  # fmt: skip
"""Moments at or near which some of the clocks below are changed."""
ZONES = [
    "UTC", "Europe/London", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Adak",
    "Africa/Casablanca", "Asia/Kathmandu", "Asia/Hong_Kong", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia",
    "Pacific/Kiritimati", "Pacific/Kwajalein", "Antarctica/Troll", "America/Scoresbysund",
]  # fmt: skip
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
windows = st.builds(Window, times, times).filter(lambda one: one.opens != one.closes)
moments = st.builds(
    lambda near, minutes: utc(near) + minutes * MINUTE, st.sampled_from(CHANGES), st.integers(-3_000, 2_000)
)


@settings(max_examples=150)
@given(
    st.lists(windows, min_size=1, max_size=3),
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    moments,
)
@example([Window(time(2, 30), time(2, 15))], ["America/New_York"], utc("2026-03-08 05:00"))
@example([Window(time(23, 45), time(0, 15))], ["Australia/Lord_Howe", "UTC"], utc("2026-04-04 13:00"))
def test_hours_are_what_a_scan_minute_by_minute_finds(
    given_windows: list[Window], zones: list[str], moment: datetime
) -> None:
    check_by_the_minute(given_windows, zones, moment)


def check_by_the_minute(given_windows: list[Window], zones: list[str], moment: datetime) -> None:
    """Asserts what was found, for the four days that follow."""
    found = opening(given_windows, zones, moment)
    assert found.is_open == is_open_by_the_minute(given_windows, zones, moment)
    scanned = next(
        (
            later
            for later in (moment + number * MINUTE for number in range(1, 4 * 24 * 60))
            if is_open_by_the_minute(given_windows, zones, later) != found.is_open
        ),
        None,
    )
    if scanned is None:
        assert found.until is None or found.until >= moment + 4 * 24 * 60 * MINUTE
    else:
        assert found.until == scanned


def the_workers_zone(_name: str) -> ZoneInfo:
    """A planted mistake: the clock of the machine that runs the task."""
    return ZoneInfo("Asia/Shanghai")


def no_clock_change(_where: ZoneInfo, _after: int, _until: int) -> None:
    """A planted mistake: time of day is counted on as if clocks were never changed."""


def offset_of_the_first_of_january(where: ZoneInfo, seconds: int) -> int:
    """A planted mistake: one offset for a whole year."""
    offset = datetime(datetime.fromtimestamp(seconds, UTC).year, 1, 1, tzinfo=where).utcoffset()
    return int((offset or timedelta()).total_seconds())


@pytest.mark.parametrize(
    ("name", "mistake"),
    [("zone", the_workers_zone), ("_clock_change", no_clock_change), ("_offset", offset_of_the_first_of_january)],
    ids=["the worker's zone", "clocks are never changed", "one offset a year"],
)
def test_the_scan_catches_a_planted_mistake(monkeypatch: pytest.MonkeyPatch, name: str, mistake: object) -> None:
    """Each of the usual ones, by the night on which New York's summer time begins."""
    night = ([DAYTIME], ["America/New_York"], utc("2027-03-14 05:00"))
    check_by_the_minute(*night)
    monkeypatch.setattr(hours, name, mistake)
    with pytest.raises(AssertionError):
        check_by_the_minute(*night)


@pytest.mark.parametrize(
    "name", ["", "HKT+8", "+08:00", "asia/hong_kong", "localtime", "../../etc/passwd", "Asia", "zone.tab"]
)
def test_only_names_of_zones_are_zones(name: str) -> None:
    """Neither the machine's own clock is, nor a path."""
    assert not is_zone(name)


def test_countries_have_zones() -> None:
    """Every region that telephone numbers are known of has one, and what is no country has none."""
    from phonenumbers import SUPPORTED_REGIONS

    assert [country for country in sorted(SUPPORTED_REGIONS) if not zones_of_country(country)] == []
    assert all(is_zone(name) for country in SUPPORTED_REGIONS for name in zones_of_country(country))
    assert zones_of_country("001") == zones_of_country("") == ()
    assert len(zones_of_country("US")) > 20

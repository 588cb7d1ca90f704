"""The time of a run, and what is due."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstamp.measures import Clock
from backstamp.measures.expressions import Moment

TIMES = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2040, 1, 1))  # noqa: DTZ001 - UTC, without a zone
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])
UNITS = st.sampled_from(["day", "week", "month", "year"])


def _at(time: str, zone: str = "UTC") -> Clock:
    return Clock(dt.datetime.fromisoformat(time), zone)


def test_dates_relative_to_the_run() -> None:
    """A day that a month lacks is its last one; the day is that of the zone."""
    clock = _at("2026-03-30 22:30", "Europe/Berlin")
    assert clock.at(Moment("current_date")) == dt.date(2026, 3, 31)
    assert clock.at(Moment("current_date", ((-1, "month"),))) == dt.date(2026, 2, 28)
    assert clock.at(Moment("current_date", ((-1, "month"), (1, "day")))) == dt.date(2026, 3, 1)
    assert str(clock.at(Moment("current_timestamp", ((-90, "minute"),)))) == "2026-03-30 21:00:00"
    assert str(clock.start_of(dt.date(2026, 3, 29))) == "2026-03-28 23:00:00"
    assert clock.at(Moment("current_date", ((-9999, "year"),))) < dt.date(2, 1, 1)


@given(
    times=st.lists(TIMES, min_size=2, max_size=2).map(sorted),
    zone=ZONES,
    shifts=st.lists(st.tuples(st.integers(-20, 20), UNITS), max_size=3).map(tuple),
    word=st.sampled_from(["current_date", "current_timestamp"]),
)
def test_no_moment_moves_back(times: list[dt.datetime], zone: str, shifts: tuple[()], word: str) -> None:
    """Whatever is added to it, a time relative to the run never becomes earlier while time goes on."""
    moment = Moment(word, shifts)  # type: ignore[arg-type] # one of its words
    before, after = (Clock(time, zone) for time in times)
    assert before.at(moment) <= after.at(moment)
    assert before.start_of(before.today) <= after.start_of(after.today)


@pytest.mark.parametrize(
    ("refresh", "last", "is_due"),
    [
        ("every run", "2026-03-29 10:00", True),
        ("hourly", "2026-03-29 10:00", False),
        ("hourly", "2026-03-29 09:59", True),
        ("daily", "2026-03-28 23:00", False),
        ("daily", "2026-03-28 22:59", True),
        ("weekly", "2026-03-23 00:00", False),
        ("weekly", "2026-03-22 22:00", True),
        ("monthly", "2026-02-28 23:00", False),
        ("monthly", "2026-02-28 22:59", True),
    ],
)
def test_what_is_due(refresh: str, last: str, is_due: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A measure is due in the first run of each period of the zone."""
    clock = _at("2026-03-29 10:30", "Europe/Berlin")
    assert clock.is_due(refresh, dt.datetime.fromisoformat(last)) is is_due  # type: ignore[arg-type] # one of its words
    assert clock.is_due(refresh, None)  # type: ignore[arg-type] # one of its words

"""When a run is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from backstamp import schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.schedule import House

    Make = Callable[[str], House]

BERLIN = "time_zone: Europe/Berlin"
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)  # a Saturday


def due(house: Make, said: str, last: datetime | None, now: datetime = NOON) -> datetime | None:
    """When the next run of this schedule is due."""
    return schedule.next_due(house(said).settings, last, now)


def utc(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "last", "expected"),
    [
        ("{every: 15 minutes}", "2026-11-28T11:50", "2026-11-28T12:05"),
        ("{every: 1 hour}", "2026-11-28T11:50", "2026-11-28T12:50"),
        ("{every: 2 days}", "2026-11-27T11:50", "2026-11-29T11:50"),
        ('{daily: ["06:30"]}', "2026-11-28T06:30", "2026-11-29T06:30"),
        ('{daily: ["06:30", "18:00"]}', "2026-11-28T06:31", "2026-11-28T18:00"),
        (f'{{daily: ["06:30"], {BERLIN}}}', "2026-11-28T06:00", "2026-11-29T05:30"),
        ('{weekly: {monday: ["08:00"]}}', "2026-11-28T06:00", "2026-11-30T08:00"),
        ('{weekly: {monday: ["08:00"], saturday: ["23:00"]}}', "2026-11-28T06:00", "2026-11-28T23:00"),
        ('{every: 1 day, daily: ["18:00"]}', "2026-11-28T06:00", "2026-11-28T18:00"),
    ],
)
def test_next(house: Make, said: str, last: str, expected: str) -> None:
    """The next run is due at the first time after the last one began that any part of the schedule names."""
    assert due(house, said, utc(last)) == utc(expected)


@pytest.mark.parametrize("said", ["{every: 15 minutes}", '{daily: ["06:30"]}', '{weekly: {monday: ["08:00"]}}'])
def test_missed(house: Make, said: str) -> None:
    """However many runs were missed, one is due, at once; the next then at its own time."""
    overdue = due(house, said, NOON - timedelta(days=60))
    assert overdue is not None
    assert overdue < NOON
    after = due(house, said, NOON)
    assert after is not None
    assert after > NOON


def test_first(house: Make) -> None:
    """The first run of all is due at once, or at the first time of day that comes."""
    assert due(house, "{every: 15 minutes}", None) == NOON
    assert due(house, "{on_change: true}", None) == NOON
    assert due(house, '{daily: ["06:30"]}', None) == utc("2026-11-29T06:30")


def test_on_change_alone(house: Make) -> None:
    """Where only changes bring runs the clock never does."""
    assert due(house, "{on_change: true}", NOON) is None


def test_time_that_a_day_lacks(house: Make) -> None:
    """Half past two on the day on which clocks go from two to three is meant as if they had not: half past three."""
    said = f'{{daily: ["02:30"], {BERLIN}}}'
    found = due(house, said, utc("2026-03-28T12:00"))
    assert found == utc("2026-03-29T01:30")
    assert due(house, said, found) == utc("2026-03-30T00:30")


def test_time_that_a_day_has_twice(house: Make) -> None:
    """Half past two on the day on which clocks go from three back to two is the first of the two, and once."""
    said = f'{{daily: ["02:30"], {BERLIN}}}'
    found = due(house, said, utc("2026-10-24T12:00"))
    assert found == utc("2026-10-25T00:30")
    assert due(house, said, found) == utc("2026-10-26T01:30")


def test_zone_of_the_project(house: Make) -> None:
    """Times are those of the project's zone where the schedule names none."""
    made = house('{daily: ["06:30"]}\ntime_zone: Asia/Tokyo')
    assert schedule.next_due(made.settings, NOON, NOON) == utc("2026-11-28T21:30")

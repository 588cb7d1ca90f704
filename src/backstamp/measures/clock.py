"""The time of a run, fixed at its start, and the days of the project's time zone."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from backstamp.measures.expressions import Moment, Unit
    from backstamp.measures.settings import Refresh

UTC = "UTC"
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


@dataclass(frozen=True)
class Clock:
    """A moment, as UTC without a zone like all times that are kept, and the zone in which its day is told."""

    now: dt.datetime
    zone: str = UTC

    @property
    def local(self) -> dt.datetime:
        """The time with the zone."""
        return self.now.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(self.zone))

    @property
    def today(self) -> dt.date:
        """The day in the zone."""
        return self.local.date()

    def at(self, moment: Moment) -> dt.date | dt.datetime:
        """Return the day, or the time, that is meant. It never moves back while time goes on.

        A day that a month lacks is its last one. Of `current_timestamp` a day has 24 hours, and months are those of
        UTC: by the zone's own clock an hour of autumn would be there twice.
        """
        found: dt.date | dt.datetime = self.today if moment.word == "current_date" else self.now
        for amount, unit in moment.shifts:
            found = _shifted(found, amount, unit)
        return found

    def start_of(self, day: dt.date) -> dt.datetime:
        """Return the first moment of a day in the zone, as UTC without a zone."""
        begins = dt.datetime.combine(day, dt.time(), ZoneInfo(self.zone))
        return begins.astimezone(dt.UTC).replace(tzinfo=None)

    def is_due(self, refresh: Refresh, last: dt.datetime | None) -> bool:
        """Tell whether something that was last done then is due: once in every hour, day, week or month of the zone."""
        if last is None or refresh == "every run":
            return True
        return _period(self.local, refresh) != _period(Clock(last, self.zone).local, refresh)


def _period(local: dt.datetime, refresh: Refresh) -> object:
    match refresh:
        case "hourly":
            return (local.date(), local.hour, local.utcoffset())
        case "daily":
            return local.date()
        case "weekly":
            return local.isocalendar()[:2]
    return (local.year, local.month)


def is_zone(name: str) -> bool:
    """Tell whether there is a time zone of that name."""
    return name in available_timezones()


def _shifted(day: dt.date, amount: int, unit: Unit) -> dt.date:
    if unit in _SECONDS:
        return _within(day, dt.timedelta(seconds=amount * _SECONDS[unit]))
    months = day.year * 12 + day.month - 1 + amount * (12 if unit == "year" else 1)
    year, month = min(max(months // 12, dt.MINYEAR), dt.MAXYEAR), months % 12 + 1
    return day.replace(year=year, month=month, day=min(day.day, calendar.monthrange(year, month)[1]))


def _within(day: dt.date, difference: dt.timedelta) -> dt.date:
    try:
        return day + difference
    except OverflowError:
        return type(day).min if difference < dt.timedelta() else type(day).max

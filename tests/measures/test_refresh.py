"""A refresh of the customers that a change touches comes to what a calculation of all does, and to the oracle's."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import engines
from tests.measures import shop
from tests.measures.shop import Shop

from backstamp import engine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def always_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refresh in part however many customers that are."""
    monkeypatch.setattr("backstamp.pipeline.measuring.MOST", 2.0)


@settings(max_examples=8, deadline=None)
@given(states=st.lists(shop.STATES, min_size=1, max_size=3))
def test_in_part_as_in_full(states: list[dict[str, Any]]) -> None:
    """After any changes of rows, owners and time all tables are those of a full calculation, values the oracle's."""
    now, since = shop.BEGIN, Since()
    one_thread = engine.DuckDBSettings(threads=1)
    with engine.DuckDB(settings=one_thread) as kept:
        refreshed = Shop(kept)
        for state in states:
            now += dt.timedelta(hours=state["hours"])
            refreshed.run(state, now)
            assert refreshed.attributes() == shop.expected(state, now)
            since.expect(refreshed.tables(), now)
            assert refreshed.since() == since.held
            with engine.DuckDB(settings=one_thread) as fresh:
                anew = Shop(fresh)
                anew.run(state, now)
                assert refreshed.tables() == anew.tables()


@dataclass
class Since:
    """Since when customers have their values: what runs one after the other have seen."""

    held: dict[tuple[str, str], dt.datetime] = field(default_factory=dict)
    values: dict[tuple[str, str], Any] = field(default_factory=dict)

    def expect(self, tables: dict[str, list[shop.Row]], now: dt.datetime) -> None:
        """Take the values of a run."""
        values: dict[tuple[str, str], Any] = {}
        for name, one in shop.MEASURES.items():
            table = {"attribute": "measures", "customer": f"measure_{name}"}.get(one.kind, "")
            for row in tables.get(table, ()):
                told = {column: value for column, value in row.items() if column != "customer_id"}
                told = told[name] if one.kind == "attribute" else told
                values.setdefault((row["customer_id"], name), []).append(told)
        unchanged = {one for one in values if one in self.values and repr(values[one]) == repr(self.values[one])}
        self.held = {one: self.held[one] if one in unchanged else now for one in values}
        self.values = values


def _purchase(contact: str | None, amount: str, day: dt.datetime | None, channel: str = "web") -> shop.Row:
    return {"contactid": contact, "amount": Decimal(amount), "boughton": day, "channel": channel}


GUID = "0000000b-0000-4000-8000-000000000000"
STATES: list[shop.Row] = [
    {
        "members": {("crm.contact", "a"): "one", ("crm.contact", GUID): "two", ("club.member", "7"): "one"},
        "rows": {
            "shop.purchase": {
                "1": _purchase("a", "10.00", dt.datetime(2025, 10, 26, 22, 59)),  # noqa: DTZ001 - UTC, without a zone
                "2": _purchase("a", "0.01", dt.datetime(2025, 10, 26, 23), "store"),  # noqa: DTZ001
                "3": _purchase(GUID.upper(), "-3.00", None),
                "4": _purchase(None, "7.00", dt.datetime(2026, 3, 9)),  # noqa: DTZ001
            },
            "shop.line": {
                "1": {"purchaseid": 1, "pieces": 3, "price": 0.1},
                "2": {"purchaseid": 3, "pieces": 2, "price": 1e300},
            },
            "club.visit": {"1": {"memberid": "7", "day": dt.date(2026, 2, 26), "points": 5}},
        },
    }
]
STATES.append({**STATES[0], "members": dict.fromkeys(STATES[0]["members"], "one")})
STATES.append(
    {
        "members": {**STATES[0]["members"], ("club.member", "8"): "three"},
        "rows": {
            **STATES[0]["rows"],
            "shop.purchase": STATES[0]["rows"]["shop.purchase"] | {"2": _purchase(GUID, "2.00", None)},
        },
    }
)


@pytest.mark.parametrize("name", engines.EVERY)
def test_on_every_engine(name: str, tmp_path: Path) -> None:
    """Customers that merge and part take their rows along; all engines come to the values of the oracle."""
    with engines.opened(name, tmp_path) as warehouse:
        place = Shop(warehouse)
        for day, state in enumerate(STATES):
            now = shop.BEGIN + dt.timedelta(hours=11 * day)
            told = place.run(state, now)
            assert place.attributes() == shop.expected(state, now)
            assert ("the customers that what changed can touch" in told) == (day > 0)
        found = place.tables()
    with engine.DuckDB() as fresh:
        anew = Shop(fresh)
        anew.run(STATES[-1], now)
        assert found == anew.tables()

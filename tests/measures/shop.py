"""A shop whose rows change: purchases with lines, visits of members, and customers that merge and part."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import strategies as st
from tests.oracle import measures as oracle

from backstamp import measures, shapes
from backstamp.measures import Activity, Definitions, Measure, Relationship
from backstamp.pipeline import incremental, measuring, reading
from backstamp.unify import transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from backstamp.engine import Engine

Row = dict[str, Any]
ZONE = "Europe/Berlin"
UNIFIED = ("crm.contact", "club.member")
BEGIN = dt.datetime(2026, 2, 26, 12)  # noqa: DTZ001 - UTC, without a zone
TABLES = {
    "shop.purchase": shapes.shape(
        contactid=pa.string(), amount=pa.decimal128(12, 2), boughton=shapes.TIME, channel=pa.string()
    ),
    "shop.line": shapes.shape(purchaseid=pa.int64(), pieces=pa.int32(), price=pa.float64()),
    "club.visit": shapes.shape(memberid=pa.string(), day=pa.date32(), points=pa.int32()),
}
LINKS = (
    Relationship("shop.purchase.contactid", "crm.contact.contactid"),
    Relationship("shop.line.purchaseid", "shop.purchase.purchaseid"),
    Relationship("club.visit.memberid", "club.member.memberid"),
)
WAYS = {
    "shop.purchase": ("contactid", "crm.contact"),
    "shop.line": ("purchaseid", "shop.purchase", "contactid", "crm.contact"),
    "club.visit": ("memberid", "club.member"),
}
ACTIVITIES = (
    Activity("shop.purchase", "Purchase", "boughton", title="channel", detail=("amount", "channel")),
    Activity("club.visit", "Visit", "day"),
)


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


CONTACTS, MEMBERS = "abcd", ("7", "8")
_TIMES = st.datetimes(dt.datetime(2025, 10, 25), dt.datetime(2026, 3, 8))  # noqa: DTZ001 - UTC, without a zone
ROWS = {
    "shop.purchase": st.fixed_dictionaries(
        {
            "contactid": _maybe(st.sampled_from([*CONTACTS, "x"])),
            "amount": _maybe(st.decimals(-9, 99, places=2)),
            "boughton": _maybe(_TIMES.map(lambda time: time.replace(minute=0, second=0, microsecond=0))),
            "channel": _maybe(st.sampled_from(["web", "store"])),
        }
    ),
    "shop.line": st.fixed_dictionaries(
        {
            "purchaseid": _maybe(st.integers(1, 4)),
            "pieces": _maybe(st.integers(-3, 9)),
            "price": _maybe(st.sampled_from([0.1, 0.25, 3.0, 1e300, float("inf")])),
        }
    ),
    "club.visit": st.fixed_dictionaries(
        {
            "memberid": _maybe(st.sampled_from(MEMBERS)),
            "day": _maybe(st.dates(dt.date(2025, 10, 25), dt.date(2026, 3, 8))),
            "points": _maybe(st.integers(-5, 5)),
        }
    ),
}
OWNERS = st.dictionaries(
    st.sampled_from([*(("crm.contact", key) for key in CONTACTS), *(("club.member", key) for key in MEMBERS)]),
    st.sampled_from(["one", "two", "three"]),
    min_size=1,
)
STATES = st.fixed_dictionaries(
    {
        "members": OWNERS,
        "rows": st.fixed_dictionaries(
            {table: st.dictionaries(st.sampled_from("1234"), rows, max_size=4) for table, rows in ROWS.items()}
        ),
        "hours": st.sampled_from([0, 1, 11, 12, 24, 48, 24 * 7]),
    }
)


@dataclass(frozen=True)
class Seen:
    """What the oracle sees of one customer: rows of each table with their keys, and the time."""

    rows: Mapping[str, list[tuple[str, Row]]]
    now: dt.datetime

    @property
    def today(self) -> dt.date:
        """The day of the run."""
        return oracle.today(self.now, ZONE)

    @property
    def purchases(self) -> list[Row]:
        """Of the customer."""
        return [row for _, row in self.rows["shop.purchase"]]

    @property
    def visits(self) -> list[Row]:
        """Of the customer."""
        return [row for _, row in self.rows["club.visit"]]

    def bought(self) -> list[Decimal]:
        """The amounts that there are."""
        return [row["amount"] for row in self.purchases if row["amount"] is not None]

    def recent(self) -> list[Row]:
        """The purchases of the last four months."""
        begin = oracle.begin(oracle.months_before(self.today, 4), ZONE)
        return [row for row in self.purchases if row["boughton"] and row["boughton"] >= begin]


def _worth(seen: Seen) -> Decimal:
    worth = {0.1: Decimal("0.1"), 0.25: Decimal("0.25"), 3.0: Decimal(3)}
    lines = [row for _, row in seen.rows["shop.line"]]
    return sum(
        (worth[row["price"]] * row["pieces"] for row in lines if row["price"] in worth and row["pieces"] is not None),
        Decimal(),
    )


def _days_since(seen: Seen) -> int | None:
    days = [row["day"] for row in seen.visits if row["day"] and oracle.begin(row["day"], ZONE) <= seen.now]
    return (seen.today - max(days)).days if days else None


def _happened(seen: Seen) -> int:
    begin = seen.now - dt.timedelta(days=1)
    times = [row["boughton"] for row in seen.purchases]
    times += [oracle.begin(row["day"], ZONE) for row in seen.visits if row["day"]]
    return len([time for time in times if time and begin < time <= seen.now])


CASES: dict[str, tuple[Measure, Callable[[Seen], Any]]] = {
    "Total": (Measure("attribute", "shop.purchase", "sum(amount)"), lambda seen: sum(seen.bought(), Decimal())),
    "Average": (Measure("attribute", "shop.purchase", "avg(amount)"), lambda seen: oracle.average(seen.bought())),
    "Recent": (
        Measure("attribute", "shop.purchase", "count(*)", "boughton >= current_date - interval 4 month"),
        lambda seen: len(seen.recent()),
    ),
    "ShareOfWeb": (
        Measure("attribute", "shop.purchase", "sum(amount) filter (where channel = 'web') / sum(amount)"),
        lambda seen: oracle.divided(
            sum((row["amount"] for row in seen.purchases if row["channel"] == "web" and row["amount"] is not None), 0),
            sum(seen.bought(), Decimal()),
        ),
    ),
    "LastChannel": (
        Measure("attribute", "shop.purchase", "last(channel, boughton)"),
        lambda seen: oracle.extreme(seen.rows["shop.purchase"], "channel", "boughton", max),
    ),
    "Dearest": (
        Measure("attribute", "shop.purchase", "arg_max(boughton, amount)"),
        lambda seen: oracle.extreme(seen.rows["shop.purchase"], "boughton", "amount", max),
    ),
    "Worth": (Measure("attribute", "shop.line", "sum(pieces * price)"), _worth),
    "SinceVisit": (
        Measure("attribute", "club.visit", "date_diff('day', max(day), current_date)", "day <= current_timestamp"),
        _days_since,
    ),
    "Happened": (
        Measure(
            "attribute",
            "activities",
            "count(*)",
            "time > current_timestamp - interval 1 day and time <= current_timestamp",
        ),
        _happened,
    ),
    "Channels": (
        Measure("attribute", "shop.purchase", "count(distinct channel)", "not (channel = 'web' and amount < 0)"),
        lambda seen: len(
            {
                row["channel"]
                for row in seen.purchases
                if row["channel"] == "store" or (row["channel"] and row["amount"] is not None and row["amount"] >= 0)
            }
        ),
    ),
    "Half": (
        Measure("attribute", "customers", "coalesce(Average, 0) / 2 + Recent"),
        lambda seen: oracle.divided((oracle.average(seen.bought()) or 0) + 2 * len(seen.recent()), 2),
    ),
}
MEASURES = {name: one for name, (one, _) in CASES.items()} | {
    "ByChannel": Measure(
        "customer",
        "shop.line",
        where="shop.purchase.amount > 0",
        values={"Lines": "count(*)", "Pieces": "sum(pieces)"},
        dimensions=("shop.purchase.channel", "date_trunc('month', shop.purchase.boughton) as month"),
    ),
    "Twice": Measure("customer", "customers", "Total * 2"),
    "Visits": Measure("customer", "club.visit", values={"Visits": "count(*)", "First": "min(day)"}),
    "AllSales": Measure("business", "shop.purchase", "sum(amount)", dimensions=("channel",)),
    "PerCustomer": Measure("business", "customers", "avg(Total)", "Recent > 0"),
    "Owners": Measure("business", "shop.purchase", "count(distinct customer_id)", "boughton < current_date"),
}


def expected(state: Row, now: dt.datetime) -> dict[str, Row]:
    """Return every attribute of every customer, by the oracle."""
    members, tables = state["members"], {**state["rows"]}
    found = {}
    for customer in set(members.values()):
        rows = {
            table: [
                (key, row) for key, row in of.items() if oracle.owner(tables, members, WAYS[table], row) == customer
            ]
            for table, of in state["rows"].items()
        }
        found[customer] = {name: calculate(Seen(rows, now)) for name, (_, calculate) in CASES.items()}
    return found


@dataclass
class Shop:
    """The shop in a warehouse, as runs see it."""

    engine: Engine
    definitions: Definitions = field(default_factory=lambda: Definitions(MEASURES, LINKS, ACTIVITIES, UNIFIED, ZONE))
    members: dict[tuple[str, str], str] = field(default_factory=dict)

    def run(self, state: Row, now: dt.datetime, *, in_full: bool = False) -> list[str]:
        """Do what a run does with these rows; return what it said, details and warnings."""
        read = {table: self._read(table, rows) for table, rows in state["rows"].items()}
        read |= dict.fromkeys(UNIFIED, reading.Read(None, False, 0, 0, 0, 0, None, is_same=True))
        before, self.members = self.members, state["members"]
        customers = {owner for key, owner in (before.items() ^ self.members.items())}
        listed = [{"table": key[0], "key": key[1], "customer_id": owner} for key, owner in self.members.items()]
        self.engine.land("members", shapes.MEMBERS, [pa.RecordBatch.from_pylist(listed, shapes.MEMBERS)])
        told: list[str] = []
        of_customers = None
        if before and not in_full:
            rows = [{"customer_id": one} for one in customers]
            of_customers = self.engine.load(shapes.MEASURES, [pa.RecordBatch.from_pylist(rows, shapes.MEASURES)])
        change = measuring.Change(read, of_customers, in_full=in_full)
        members = self.engine.table("members")
        measuring.measure(self.engine, self.definitions, change, members, now, lambda _: _listening(told))
        self.engine.publish()
        return told

    def tables(self) -> dict[str, list[Row]]:
        """Return all that measuring kept."""
        names = [f"{'business' if one.kind == 'business' else 'measure'}_{name}" for name, one in MEASURES.items()]
        names = [name for name in ("measures", "activities", "activities_of_nobody", *names) if self.engine.has(name)]
        return {name: sorted(self.engine.rows(self.engine.table(name)), key=repr) for name in names}

    def attributes(self) -> dict[str, Row]:
        """Return the attributes of each customer."""
        return {row.pop("customer_id"): row for row in self.engine.rows(self.engine.table("measures"))}

    def since(self) -> dict[tuple[str, str], dt.datetime]:
        """Return since when each customer has the values of each measure."""
        first = {row["measure"]: row["since"] for row in self.engine.rows(self.engine.table("measured"))}
        later = self.engine.rows(self.engine.table("measured_since"))
        held = {(row["customer_id"], row["measure"]): row["since"] for row in later}
        there = {
            (row["customer_id"], name)
            for name, one in MEASURES.items()
            if one.kind != "business"
            for row in self.engine.rows(self.engine.table("measures" if one.kind == "attribute" else f"measure_{name}"))
        }
        return {one: held.get(one, first[one[1]]) for one in there}

    def _read(self, table: str, rows: Mapping[str, Row]) -> reading.Read:
        """Store the rows of a table as a full read does."""
        name = reading.stored_name(table)
        schema = shapes.shape(id=pa.string(), **dict(zip(TABLES[table].names, TABLES[table].types, strict=True)))
        schema = schema.append(pa.field(transform.POSITION, pa.int64()))
        listed = [{"id": key, **row, transform.POSITION: place} for place, (key, row) in enumerate(rows.items())]
        landed = transform.Landed(
            self.engine.load(schema, [pa.RecordBatch.from_pylist(listed, schema)]),
            None,
            self.engine.load(shapes.CORRUPT, []),
            latest_wins=False,
        )
        types = {one.name: one.type for one in schema if one.name != transform.POSITION}
        foreign_keys = measures.foreign_keys(table, self.definitions)
        made = transform.store(self.engine, landed, self.engine.published(name), "id", types, foreign_keys=foreign_keys)
        if isinstance(made, transform.Stored):
            self.engine.keep(name, made.rows)
            return reading.Read(None, True, len(rows), 0, len(rows), 0, None)
        if made.count:
            incremental.patch_source(self.engine, table, made)
        return reading.Read(None, True, len(rows), 0, len(rows), 0, None, changes=made)


@dataclass
class _Task:
    """A task that writes down what it is told."""

    told: list[str]
    rows: int | None = None

    def detail(self, text: str) -> None:
        """Take a sentence."""
        self.told.append(text)

    warn = skip = detail


@contextmanager
def _listening(told: list[str]) -> Iterator[Any]:
    yield _Task(told)

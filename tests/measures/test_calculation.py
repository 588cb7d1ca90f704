"""Measures on real engines."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstamp import engine, measures, shapes
from backstamp.measures import Measure, Relationship

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import ibis.expr.types as ir

LINKS = [
    Relationship("shop.purchase.buyer", "crm.contact.contactid"),
    Relationship("service.case.member", "loyalty.member.memberid"),
]
UNIFIED = ("crm.contact", "loyalty.member")
NOW = dt.datetime(2026, 3, 1, 12)  # noqa: DTZ001 - UTC, without a zone
PURCHASE = shapes.shape(
    key=pa.string(),
    buyer=pa.string(),
    amount=pa.decimal128(12, 2),
    weight=pa.float64(),
    pieces=pa.int32(),
    on=shapes.TIME,
    channel=pa.string(),
    paid=pa.bool_(),
)
CASE = shapes.shape(key=pa.string(), member=pa.int64(), openedon=pa.date32())
Row = dict[str, Any]


@pytest.fixture(scope="module")
def database() -> Iterator[engine.DuckDB]:
    """An engine in memory."""
    with engine.DuckDB() as opened:
        yield opened


def _table(database: engine.DuckDB, schema: pa.Schema, rows: Sequence[Row]) -> ir.Table:
    return database.load(schema, [pa.RecordBatch.from_pylist(list(rows), schema)])


def _calculate(
    database: engine.DuckDB,
    attributes: Mapping[str, tuple[str, str, str | None]],
    members: Sequence[Row],
    purchases: Sequence[Row] = (),
    cases: Sequence[Row] = (),
) -> dict[str, Row]:
    """Return each customer's measures; a purchase without a key gets one."""
    keyed = [{"key": str(place), **row} for place, row in enumerate(purchases)]
    tables = {
        "shop.purchase": _table(database, PURCHASE, keyed),
        "service.case": _table(database, CASE, cases),
    }
    said = {name: Measure("attribute", *attribute) for name, attribute in attributes.items()}
    definitions = measures.Definitions(said, LINKS, (), UNIFIED)
    given = measures.Given(definitions, _table(database, shapes.MEMBERS, members), tables, measures.Clock(NOW))
    result = measures.attributes(list(said), given)
    assert result.columns == ("customer_id", *attributes)
    rows = database.rows(result)
    found = {row.pop("customer_id"): row for row in rows}
    assert len(found) == len(rows)
    return found


def _member(key: str, customer: str, table: str = "crm.contact") -> Row:
    return {"table": table, "key": key, "customer_id": customer}


def test_a_customer_has_the_rows_of_all_its_contacts(database: engine.DuckDB) -> None:
    """What belonged to two contacts belongs to the customer that they are; what belongs to nobody counts nowhere."""
    members = [_member("a", "one"), _member("b", "one"), _member("c", "two"), _member("x", "two", "crm.lead")]
    bought = [{"buyer": buyer, "amount": Decimal(3)} for buyer in ("a", "b", "b", "c", "x", None)]
    total = {"Total": ("shop.purchase", "sum(amount)", None)}
    found = _calculate(database, total, members, bought)
    assert found == {"one": {"Total": Decimal(9)}, "two": {"Total": Decimal(3)}}


def test_a_customer_without_rows(database: engine.DuckDB) -> None:
    """Nothing counts and sums to 0, and has no largest and no smallest value."""
    attributes = {
        "Count": ("shop.purchase", "count(*)", None),
        "Sum": ("shop.purchase", "sum(amount)", None),
        "Max": ("shop.purchase", 'max("on")', None),
        "Min": ("shop.purchase", "min(channel)", None),
    }
    [row] = _calculate(database, attributes, [_member("a", "one")]).values()
    assert row == {"Count": 0, "Sum": Decimal("0.00"), "Max": None, "Min": None}


def test_tables_are_measured_side_by_side(database: engine.DuckDB) -> None:
    """Measures stand in the order of the file, whatever tables they are of, and a whole number names a text key."""
    members = [_member("a", "one"), _member("7", "one", "loyalty.member")]
    attributes = {
        "Cases": ("service.case", "count(*)", "openedon >= '2026-01-01'"),
        "Bought": ("shop.purchase", "count(*)", None),
        "Last": ("service.case", "max(openedon)", None),
    }
    cases = [{"key": str(year), "member": 7, "openedon": dt.date(year, 1, 1)} for year in (2025, 2026)]
    found = _calculate(database, attributes, members, [{"buyer": "a"}], cases)
    assert found == {"one": {"Cases": 1, "Bought": 1, "Last": dt.date(2026, 1, 1)}}


def test_sums_are_exact(database: engine.DuckDB) -> None:
    """Sums are decimals of the column's own scale, of ten digits for floating numbers; what is not finite is null."""
    bought = [{"buyer": "a", "amount": Decimal("0.10"), "weight": weight, "pieces": 2**31 - 1} for weight in (0.1, 0.2)]
    bought += [{"buyer": "a", "weight": float("inf")}, {"buyer": "a", "weight": float("nan")}]
    attributes = {name: ("shop.purchase", f"sum({name})", None) for name in ("amount", "weight", "pieces")}
    [row] = _calculate(database, attributes, [_member("a", "one")], bought).values()
    assert {name: str(value) for name, value in row.items()} == {
        "amount": "0.20",
        "weight": "0.3000000000",
        "pieces": str(2 * (2**31 - 1)),
    }


def test_numbers_in_conditions_keep_their_digits(database: engine.DuckDB) -> None:
    """No digit of a number in a condition is rounded away before the comparison."""
    bought = [{"buyer": "a", "amount": Decimal("0.01"), "weight": 0.0004, "pieces": 1000}]
    conditions = ("weight < 0.00041", "weight > 0.00039", "amount > 0.0099999", "pieces >= 1e3", "pieces < 1000.5")
    attributes = {f"C{place}": ("shop.purchase", "count(*)", where) for place, where in enumerate(conditions)}
    [row] = _calculate(database, attributes, [_member("a", "one")], bought).values()
    assert set(row.values()) == {1}


def test_a_key_can_be_counted(database: engine.DuckDB) -> None:
    """The key's column is known under its own name, though it is stored as `key`."""
    attributes = {"Count": ("shop.purchase", "count(purchaseid)", "purchaseid <> '1'")}
    found = _calculate(database, attributes, [_member("a", "one")], [{"buyer": "a"}, {"buyer": "a"}])
    assert found == {"one": {"Count": 1}}


def _values(
    database: engine.DuckDB,
    values: Mapping[str, str],
    bought: Sequence[Row],
    where: str | None = None,
    zone: str = "UTC",
) -> Row:
    """Return values of measures of the purchases of one customer."""
    said = {name: Measure("attribute", "shop.purchase", value, where) for name, value in values.items()}
    definitions = measures.Definitions(said, LINKS, (), UNIFIED, zone)
    keyed = [{"key": str(place), "buyer": "a", **row} for place, row in enumerate(bought)]
    tables = {"shop.purchase": _table(database, PURCHASE, keyed)}
    members = _table(database, shapes.MEMBERS, [_member("a", "one")])
    given = measures.Given(definitions, members, tables, measures.Clock(NOW, zone))
    [row] = database.rows(measures.attributes(list(said), given).drop("customer_id"))
    return row


def test_arithmetic_is_decimal(database: engine.DuckDB) -> None:
    """Numbers are rounded half away from zero to ten digits; what is divided by zero or too large is null."""
    bought = [{"amount": Decimal(2), "pieces": 3}, {"amount": Decimal(0), "pieces": -(2**31), "weight": float("nan")}]
    values = {
        "max(amount) / max(pieces)": "0.6666666667",
        "-max(amount) / max(pieces)": "-0.6666666667",
        "avg(amount)": "1.0000000000",
        "sum(amount * pieces)": "6.0000000000",
        "sum(amount) / (count(*) - 2)": None,
        "min(amount) / min(amount)": None,
        "sum(pieces) * sum(pieces)": None,
        "0.5 + count(*)": "2.5000000000",
        "coalesce(sum(weight) / 0, 7)": "7.0000000000",
    }
    found = _values(database, {f"V{place}": value for place, value in enumerate(values)}, bought)
    assert [None if value is None else str(value) for value in found.values()] == list(values.values())


def test_days_are_those_of_the_zone(database: engine.DuckDB) -> None:
    """Days, weeks, months and years begin in the project's time zone, also on the days on which clocks change."""
    times = ["2026-01-31 22:59", "2026-01-31 23:00", "2026-03-28 23:00", "2026-03-29 21:59", "2026-03-29 22:00"]
    bought = [{"on": dt.datetime.fromisoformat(time)} for time in times]
    on = {name: f"{name}(date_trunc('{unit}', \"on\"))" for name, unit in (("min", "month"), ("max", "week"))}
    days = {"days": "count(distinct date_trunc('day', \"on\"))", "months": 'date_diff(\'month\', min("on"), max("on"))'}
    later = {
        "later": "count(*) filter (where \"on\" >= '2026-03-29')",
        "until": "date_diff('day', max(\"on\"), current_date)",
    }
    found = _values(database, on | days | later, bought, zone="Europe/Berlin")
    assert found == {
        "min": dt.date(2026, 1, 1),
        "max": dt.date(2026, 3, 30),
        "days": 4,
        "months": 2,
        "later": 3,
        "until": -29,
    }


def test_rows_of_one_time_go_by_their_keys(database: engine.DuckDB) -> None:
    """Of rows that are first or last together the smallest or largest key counts, of those that have a value."""
    bought = [{"on": NOW, "channel": channel, "amount": Decimal(1)} for channel in ("b", "c", "a", None)]
    values = {
        "first": 'first(channel, "on")',
        "last": 'last(channel, "on")',
        "most": "arg_max(channel, amount)",
        "least": "arg_min(channel, amount) filter (where channel <> 'b')",
        "none": 'last(channel, "on") filter (where amount > 1)',
    }
    assert _values(database, values, bought) == {
        "first": "b",
        "last": "a",
        "most": "a",
        "least": "c",
        "none": None,
    }


@pytest.mark.parametrize(
    ("template", "columns", "expected"),
    [
        ("total_value", {"amount": "amount"}, Decimal("60.00")),
        ("average_value", {"amount": "amount"}, Decimal(20)),
        ("transaction_count", {}, 3),
        ("average_daily_revenue", {"amount": "amount", "time": "on"}, Decimal("0.9677419355")),
        ("average_monthly_revenue", {"amount": "amount", "time": "on"}, Decimal(20)),
        ("average_yearly_revenue", {"amount": "amount", "time": "on"}, Decimal(60)),
        ("days_since_last_purchase", {"time": "on"}, 28),
        ("active_lifespan", {"time": "on"}, 61),
        ("points_earned", {"points": "amount"}, Decimal("70.00")),
        ("points_redeemed", {"points": "amount"}, Decimal(10)),
        ("points_balance", {"points": "amount"}, Decimal("60.00")),
    ],
)
def test_templates(database: engine.DuckDB, template: Any, columns: dict[str, str], expected: object) -> None:
    """Each template comes to what its name says; a row in the future is no purchase that was."""
    days = (dt.datetime(2026, 1, 2), dt.datetime(2026, 2, 1), dt.datetime(2026, 3, 4))  # noqa: DTZ001 - UTC, without a zone
    bought = [{"on": on, "amount": amount} for on, amount in zip(days, map(Decimal, (30, -10, 40)), strict=True)]
    made = measures.expanded(Measure("attribute", "shop.purchase", template=template, columns=columns))
    assert made.template is None
    assert _values(database, {"M": made.value or ""}, bought, made.where) == {"M": expected}


def test_measures_over_all(database: engine.DuckDB) -> None:
    """A business measure counts rows of nobody too, by dimensions or in one row; `customer_id` tells whose they are."""
    said = {
        "Sales": Measure("business", "shop.purchase", "count(*)", dimensions=("channel",)),
        "Buyers": Measure(
            "business", "shop.purchase", None, values={"Rows": "count(*)", "Buyers": "count(distinct customer_id)"}
        ),
        "Mine": Measure("customer", "shop.purchase", "count(*)", "amount > 0", dimensions=("channel",)),
    }
    bought: list[Row] = [{"buyer": buyer, "channel": "web", "amount": Decimal(1)} for buyer in ("a", "b", "x", None)]
    bought.append({"buyer": "a", "amount": Decimal(0)})
    keyed = [{"key": str(place), **row} for place, row in enumerate(bought)]
    members = _table(database, shapes.MEMBERS, [_member("a", "one"), _member("b", "two")])
    definitions = measures.Definitions(said, LINKS, (), UNIFIED)
    tables = {"shop.purchase": _table(database, PURCHASE, keyed)}
    given = measures.Given(definitions, members, tables, measures.Clock(NOW))
    sales = database.rows(measures.of_business("Sales", given))
    assert sorted(sales, key=repr) == [{"channel": "web", "Sales": 4}, {"channel": None, "Sales": 1}]
    assert database.rows(measures.of_business("Buyers", given)) == [{"Rows": 5, "Buyers": 2}]
    mine = database.rows(measures.by_customer("Mine", given))
    assert {(row["customer_id"], row["channel"], row["Mine"]) for row in mine} == {("one", "web", 1), ("two", "web", 1)}


def test_one_to_one_from_the_other_end(database: engine.DuckDB) -> None:
    """A card is the contact's that names it; of several contacts that name one it is that of the smallest key."""
    card, contact = shapes.shape(key=pa.string(), limit=pa.int64()), shapes.shape(key=pa.string(), cardid=pa.string())
    tables = {
        "shop.card": _table(database, card, [{"key": "7", "limit": 5}, {"key": "8", "limit": 9}]),
        "crm.contact": _table(
            database, contact, [{"key": key, "cardid": card} for key, card in (("b", "7"), ("a", "7"), ("c", None))]
        ),
    }
    said = {"Limit": Measure("attribute", "shop.card", "max(limit)")}
    links = [Relationship("crm.contact.cardid", "shop.card.cardid", "one_to_one")]
    members = _table(database, shapes.MEMBERS, [_member(key, f"of {key}") for key in "abc"])
    given = measures.Given(measures.Definitions(said, links, (), UNIFIED), members, tables, measures.Clock(NOW))
    found = {row["customer_id"]: row["Limit"] for row in database.rows(measures.attributes(["Limit"], given))}
    assert found == {"of a": 5, "of b": None, "of c": None}


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


BOUGHT = st.fixed_dictionaries(
    {
        "buyer": _maybe(st.sampled_from("abcdx")),
        "amount": _maybe(st.decimals(-9, 9, places=2)),
        "on": _maybe(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 4))),  # noqa: DTZ001 - UTC, without a zone
        "channel": _maybe(st.sampled_from(["web", "store"])),
        "paid": _maybe(st.booleans()),
    }
)
DAY = dt.datetime(2026, 1, 2)  # noqa: DTZ001 - UTC, without a zone
CONDITIONS: dict[str | None, Callable[[Row], Any]] = {
    None: lambda _: True,
    "channel = 'web'": lambda row: row["channel"] == "web",
    "channel <> 'web' and amount >= -1.5": lambda row: (
        row["channel"] == "store" and row["amount"] is not None and row["amount"] >= Decimal("-1.5")
    ),
    "\"on\" < '2026-01-02'": lambda row: row["on"] is not None and row["on"] < DAY,
    "(\"on\" >= date '2026-01-02') and paid = false": lambda row: (
        row["on"] and row["on"] >= DAY and row["paid"] is False
    ),
    "channel is null": lambda row: row["channel"] is None,
    "channel is not null and paid <> true": lambda row: row["channel"] is not None and row["paid"] is False,
}
VALUES: dict[str, Callable[[list[Row]], Any]] = {
    "count(*)": len,
    "count(amount)": lambda rows: len([row for row in rows if row["amount"] is not None]),
    "sum(amount)": lambda rows: sum((row["amount"] for row in rows if row["amount"] is not None), Decimal()),
    'max("on")': lambda rows: max((row["on"] for row in rows if row["on"]), default=None),
    "min(amount)": lambda rows: min((row["amount"] for row in rows if row["amount"] is not None), default=None),
}


@settings(max_examples=30, deadline=None)
@given(
    owners=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["one", "two"]), min_size=1),
    bought=st.lists(BOUGHT, max_size=8),
)
def test_values_are_those_of_plain_python(owners: dict[str, str], bought: list[Row]) -> None:
    """Every value under every condition is what a loop over each customer's rows gives."""
    cases = [(value, where) for value in VALUES for where in CONDITIONS]
    attributes = {f"M{place}": ("shop.purchase", *case) for place, case in enumerate(cases)}
    with engine.DuckDB(settings=engine.DuckDBSettings(threads=1)) as database:
        found = _calculate(database, attributes, [_member(*pair) for pair in owners.items()], bought)
    for customer in set(owners.values()):
        own = [row for row in bought if owners.get(row["buyer"]) == customer]
        expected = [VALUES[value]([row for row in own if CONDITIONS[where](row)]) for value, where in cases]
        assert list(found.pop(customer).values()) == expected
    assert found == {}

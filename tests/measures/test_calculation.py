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

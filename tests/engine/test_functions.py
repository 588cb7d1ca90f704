"""Functions of values are what their standards, or the pages, say, the same on every engine."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstamp import shapes
from backstamp.engine import functions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.engine import Engine

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RANDOM = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PAIR = shapes.shape(a=pa.string(), b=pa.string())


def load(warehouse: Engine, schema: pa.Schema, *rows: Sequence[Any]) -> Any:
    """Hold rows as a table."""
    named = [dict(zip(schema.names, row, strict=True)) for row in rows]
    return warehouse.load(schema, [pa.RecordBatch.from_pylist(named, schema=schema)])


def one(warehouse: Engine, table: Any, **columns: Any) -> Any:
    """Return the only value of an expression."""
    (row,) = warehouse.rows(table.select(**columns))
    (value,) = row.values()
    return value


@RANDOM
@given(namespace=st.uuids(), names=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=30))
def test_uuid5(warehouse: Engine, namespace: uuid.UUID, names: list[tuple[str, str]]) -> None:
    """A name of several parts, U+0000 between them, gives the UUID that Python's own library gives."""
    table = load(warehouse, PAIR, *names)
    made = warehouse.rows(table.select("a", "b", made=functions.uuid5(namespace, table.a, table.b)))
    assert len(made) == len(names)
    for row in made:
        assert row["made"] == str(uuid.uuid5(namespace, f"{row['a']}\0{row['b']}"))
    spelled = table.select(made=functions.uuid5(warehouse.constant(namespace.hex), table.a, table.b))
    assert sorted(row["made"] for row in warehouse.rows(spelled)) == sorted(row["made"] for row in made)


@pytest.mark.parametrize("value", [0, -(2**62), "it's", "", dt.datetime(2026, 1, 2, 3, 4, 5, 6)])  # noqa: DTZ001 - UTC
def test_constants_are_what_was_said(warehouse: Engine, value: int | str | dt.datetime) -> None:
    """A constant has its value and type in every row, and another one beside it does not change it."""
    table = load(warehouse, PAIR, ("a", "b"), ("c", "d"))
    constants = [warehouse.constant(one) for one in (value, "other")]
    rows = warehouse.rows(table.select(one=constants[0], other=constants[1]))
    assert rows == [{"one": value, "other": "other"}] * 2


@RANDOM
@given(rows=st.lists(st.tuples(st.none() | TEXT, st.none() | TEXT), min_size=2, max_size=30, unique=True))
def test_digests_differ_where_values_do(warehouse: Engine, rows: list[tuple[str | None, str | None]]) -> None:
    """Rows with different values have different digests; a null is a value of its own."""
    table = load(warehouse, PAIR, *rows)
    made = warehouse.rows(table.select(made=functions.digest([table.a, table.b])))
    assert len({row["made"] for row in made}) == len(rows)


@RANDOM
@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=2, max_size=30, unique=True))
def test_key_hashes_differ_where_values_do(warehouse: Engine, rows: list[tuple[str, str]]) -> None:
    """Different keys have different hashes."""
    table = load(warehouse, PAIR, *rows)
    made = warehouse.rows(table.select(made=functions.key_hash([table.a, table.b])))
    assert len({row["made"] for row in made}) == len(rows)


def test_where_one_value_ends_and_the_next_begins(warehouse: Engine) -> None:
    """("ab", "c") is not ("a", "bc"); what looks like a length is none; null is no text."""
    pairs = [("ab", "c"), ("a", "bc"), ("", "1:a"), ("1:a", ""), ("2:ab1", "c"), ("-", ""), ("", "-"), ("é", "e\u0301")]
    table = load(warehouse, PAIR, *pairs, (None, ""), ("", None), (None, None))
    made = warehouse.rows(table.select(digest=functions.digest([table.a, table.b])))
    assert len({row["digest"] for row in made}) == len(pairs) + 3


def test_a_key_with_an_empty_value_is_none(warehouse: Engine) -> None:
    """Where one value of a key is null there is no key; equal values have one, in whichever table they stand."""
    rows = [("a", "b"), ("a", None), (None, "b"), (None, None)]
    table = load(warehouse, PAIR, *rows)
    other = load(warehouse, shapes.shape(b=pa.string(), a=pa.string()), ("b", "a"))
    made = [row["made"] for row in warehouse.rows(table.select(made=functions.key_hash([table.a, table.b])))]
    assert [value is None for value in made] == [False, True, True, True]
    assert one(warehouse, other, made=functions.key_hash([other.a, other.b])) == made[0]


def test_digests_of_all_types(warehouse: Engine) -> None:
    """Numbers, times and booleans count by their values."""
    kinds = shapes.shape(
        number=pa.int64(), price=pa.decimal128(9, 2), time=shapes.TIME, yes=pa.bool_(), text=pa.string()
    )
    values = [(1, 2), (Decimal("1.50"), Decimal(2)), (0, 1), (True, False), ("1", "true")]
    rows = list(itertools.product(*values))
    table = load(warehouse, kinds, *rows)
    made = warehouse.rows(table.select(made=functions.digest([table[name] for name in kinds.names])))
    assert len({row["made"] for row in made}) == len(rows)


def test_the_value_of_the_smallest_key(warehouse: Engine) -> None:
    """It passes over nulls, and is null only where all values are; of every type it is of that type."""
    schema = shapes.shape(group=pa.string(), key=pa.int64(), text=pa.string(), number=pa.int64())
    rows = [("a", 3, "c", 3), ("a", 2, "b", None), ("a", 1, None, None), ("b", 1, None, 7)]
    table = load(warehouse, schema, *rows)
    chosen = {name: functions.of_smallest(table[name], table.key) for name in ("text", "number")}
    found = warehouse.rows(table.group_by("group").agg(**chosen).order_by("group"))
    assert found == [{"group": "a", "text": "b", "number": 3}, {"group": "b", "text": None, "number": 7}]


def test_whole_numbers_have_64_bits(warehouse: Engine) -> None:
    """A constant is kept as a whole number of 64 bits, whatever its size."""
    table = load(warehouse, shapes.shape(n=pa.int64()), (1,))
    kept = warehouse.keep("constants", table.select(small=functions.whole(0), large=functions.whole(2**40)))
    assert [next(warehouse.batches(kept)).schema.field(name).type for name in ("small", "large")] == [pa.int64()] * 2
    assert kept.schema() == ibis.schema({"small": "int64", "large": "int64"})


NUMBERS = st.decimals(Decimal(-(10**12)), Decimal(10**12), places=10)
DIVISORS = st.sampled_from([*map(Decimal, (0, 2, 3, 16)), Decimal("1e-10")])  # by 2, half of all results end in a half
NUMBER = shapes.shape(a=pa.decimal128(23, 10), b=pa.decimal128(23, 10))


@RANDOM
@given(pairs=st.lists(st.tuples(NUMBERS, NUMBERS | DIVISORS), min_size=1))
def test_a_quotient_is_exact(warehouse: Engine, pairs: list[tuple[Decimal, Decimal]]) -> None:
    """It has ten digits behind the point, rounded half away from zero, however large its parts; by zero it is null."""
    table = load(warehouse, NUMBER, *pairs)
    found = warehouse.rows(table.mutate(quotient=functions.quotient(table.a, table.b)))
    with localcontext(prec=100, rounding=ROUND_HALF_UP):
        wanted = [(one / other).quantize(Decimal("1e-10")) if other else None for one, other in pairs]
    told = {(row["a"], row["b"]): row["quotient"] for row in found}
    assert [told[pair] for pair in pairs] == wanted


def test_times_of_a_zone(warehouse: Engine) -> None:
    """What clocks show and when a day begins follow the zone's rules, before and after the clocks change."""
    table = load(
        warehouse,
        shapes.shape(time=shapes.TIME, day=pa.date32()),
        (dt.datetime(2026, 3, 29, 0, 59), dt.date(2026, 3, 29)),  # noqa: DTZ001 - UTC, without a zone
        (dt.datetime(2026, 3, 29, 1), dt.date(2026, 3, 30)),  # noqa: DTZ001
    )
    zone = "Europe/Berlin"
    shown = table.select(local=functions.local_time(table.time, zone), begin=functions.start_of_day(table.day, zone))
    found = sorted((f"{row['local']}", f"{row['begin']}") for row in warehouse.rows(shown))
    assert found == [
        ("2026-03-29 01:59:00", "2026-03-28 23:00:00"),
        ("2026-03-29 03:00:00", "2026-03-29 22:00:00"),
    ]

"""Rows in (unification.md 1): one row a key, and what cannot be used set apart with its reason."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstamp import errors, shapes
from backstamp.unify import transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.engine import Engine

TEXTS: dict[str, pa.DataType] = {"id": pa.string(), "name": pa.string()}
NUMBERED = TEXTS | {"id": pa.int64()}
Rows = list[dict[str, Any]]
Corrupt = set[tuple[str | None, str, str]]


@dataclass
class Table:
    """A table that is read, again and again."""

    engine: Engine
    types: dict[str, pa.DataType]
    key: str = "id"
    stored: Any = None

    def read(
        self,
        *rows: Sequence[Any],
        deleted: Sequence[str] | None = None,
        latest_wins: bool = False,
        landed: dict[str, pa.DataType] | None = None,
    ) -> tuple[Rows, Corrupt]:
        """Store what a read brought (in full, or what changed), and return the rows in order, and the corrupt ones."""
        schema = shapes.shape(**(landed or self.types), **{transform.POSITION: pa.int64()})
        named = [dict(zip(schema.names, (*row, place), strict=True)) for place, row in enumerate(rows)]
        gone = None if deleted is None else pa.RecordBatch.from_pylist([{"key": key} for key in deleted], _KEYS)
        arrived = transform.Landed(
            rows=self.engine.load(schema, [pa.RecordBatch.from_pylist(named, schema=schema)]),
            deleted=None if gone is None else self.engine.load(_KEYS, [gone]),
            unreadable=self.engine.load(shapes.CORRUPT, []),
            latest_wins=latest_wins,
        )
        made = transform.store(self.engine, arrived, self.stored, self.key, self.types)
        now = made.rows if isinstance(made, transform.Stored) else transform.changed(self.stored, made)
        self.stored = self.engine.cache(now)
        listed = {tuple(row[name] for name in shapes.CORRUPT.names) for row in self.engine.rows(made.corrupt)}
        assert self.engine.count(made.corrupt) == len(listed)
        by_number = transform.is_number(self.key, self.types)
        in_order = transform.numbered(self.stored.drop(transform.ROW), by_number=by_number)
        return self.engine.rows(in_order.order_by(transform.ROW)), listed


_KEYS = shapes.shape(key=pa.string())


def names(rows: Rows) -> list[tuple[str, Any]]:
    """Return key and name of each row."""
    return [(row["key"], row["name"]) for row in rows]


def test_rows_as_they_are(warehouse: Engine) -> None:
    """A row is stored under its key as text, without the key column, and numbered in the order of keys."""
    rows, corrupt = Table(warehouse, TEXTS).read(
        ("b", "Ada"), ("a", None), ("\U0001f600", ""), ("\uffff", "x"), ("B", "y")
    )
    assert [row["key"] for row in rows] == ["B", "a", "b", "\uffff", "\U0001f600"]
    assert [row[transform.ROW] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[1] == {"key": "a", "name": None, transform.ROW: 2}
    assert not corrupt


def test_no_rows(warehouse: Engine) -> None:
    """A table without rows is stored as one."""
    assert Table(warehouse, TEXTS).read() == ([], set())


def test_missing_keys(warehouse: Engine) -> None:
    """A row without a key goes to the corrupt table, by its place in the file, counted from 1; the others stay."""
    reason = "The key is missing or unfit."
    rows, corrupt = Table(warehouse, TEXTS).read((None, "Ada"), ("a", "Eve"), ("", "Bob"))
    assert names(rows) == [("a", "Eve")]
    assert corrupt == {("1", "id", reason), ("3", "id", reason)}


UNFIT = ("x", "1.5", "1e3", "0x10", "1_000", "12345678901234567890", "1 2")


def test_keys_that_do_not_fit(warehouse: Engine) -> None:
    """Text that is no whole number, or too large a one, is no key of that type; nothing is rounded to one."""
    landed = TEXTS
    rows, corrupt = Table(warehouse, NUMBERED).read(
        *((key, "n") for key in UNFIT), (" 7 ", "n"), ("-8", "n"), landed=landed
    )
    assert [row["key"] for row in rows] == ["-8", "7"]
    assert {place for place, _, _ in corrupt} == {str(place + 1) for place in range(len(UNFIT))}


def test_whole_number_keys_go_by_value(warehouse: Engine) -> None:
    """Keys that are numbers are ordered and compared as such: 9 before 10, and 07 is 7."""
    rows, corrupt = Table(warehouse, NUMBERED).read(
        ("10", "a"), ("9", "b"), ("07", "c"), ("7", "c"), ("-1", "d"), landed=TEXTS
    )
    assert names(rows) == [("-1", "d"), ("7", "c"), ("9", "b"), ("10", "a")]
    assert not corrupt
    typed, _ = Table(warehouse, NUMBERED).read((10, "a"), (9, "b"))
    assert names(typed) == [("9", "b"), ("10", "a")]


def utc(*parts: int) -> dt.datetime:
    """Return a time in UTC, without a zone as all times are kept."""
    return dt.datetime(*parts, tzinfo=dt.UTC).replace(tzinfo=None)  # type: ignore[misc,arg-type] # no zone among parts


VALUES: list[tuple[pa.DataType, str, Any]] = [
    (pa.int64(), "42", 42),
    (pa.int64(), " +42 ", 42),
    (pa.int64(), "4.2", None),
    (pa.int64(), "many", None),
    (pa.decimal128(38, 10), "1234.5600000001", Decimal("1234.5600000001")),
    (pa.decimal128(38, 10), "-.5", Decimal("-0.5")),
    (pa.decimal128(38, 10), "1,5", None),
    (pa.decimal128(38, 10), "1e40", None),
    (pa.decimal128(38, 10), "1e2", Decimal(100)),
    (pa.float64(), "2.5e-1", 0.25),
    (pa.float64(), "1d", None),
    (pa.float64(), "1_000", None),
    (pa.date32(), "2024-02-29", dt.date(2024, 2, 29)),
    (pa.date32(), "2023-02-29", None),
    (pa.date32(), "infinity", None),
    (pa.date32(), "2024", None),
    (pa.date32(), "2024-02-29T10:00:00", dt.date(2024, 2, 29)),
    (pa.date32(), "29.2.2024", None),
    (shapes.TIME, "2024-02-29T23:59:59.5", utc(2024, 2, 29, 23, 59, 59, 500_000)),
    (shapes.TIME, "2024-02-29 10:00:00Z", utc(2024, 2, 29, 10)),
    (shapes.TIME, "2024-02-29T10:00:00+02:00", utc(2024, 2, 29, 8)),
    (shapes.TIME, "2024-02-29T22:30:00-03:30", utc(2024, 3, 1, 2)),
    (shapes.TIME, "2024-02-29T1:02:03.1234567Z", utc(2024, 2, 29, 1, 2, 3, 123_456)),
    (shapes.TIME, "2024-02-29 25:00", None),
    (shapes.TIME, "2024-02-29", utc(2024, 2, 29)),
    (shapes.TIME, "epoch", None),
    (shapes.TIME, "noon", None),
    (pa.bool_(), "true", True),
    (pa.bool_(), "F", False),
    (pa.bool_(), "2", None),
]


@pytest.mark.parametrize(("kind", "text", "value"), VALUES, ids=str)
def test_values_of_a_declared_type(warehouse: Engine, kind: pa.DataType, text: str, value: Any) -> None:
    """A value is what its text stands for; one that does not fit is null and listed, and its row stays."""
    table = Table(warehouse, TEXTS | {"name": kind})
    rows, corrupt = table.read(("a", text), ("b", None), ("c", " "), landed=TEXTS)
    assert names(rows) == [("a", value), ("b", None), ("c", None)]
    assert {(place, column) for place, column, _ in corrupt} == (set() if value is not None else {("a", "name")})
    assert all(reason.startswith("The value is no ") for _, _, reason in corrupt)


def test_reasons_hold_no_values(warehouse: Engine) -> None:
    """The reason names the type in people's words."""
    kinds: dict[str, pa.DataType] = {
        "whole": pa.int64(),
        "price": pa.decimal128(38, 10),
        "day": pa.date32(),
        "time": shapes.TIME,
        "yes": pa.bool_(),
    }
    table = Table(warehouse, {"id": pa.string(), **kinds})
    _, corrupt = table.read(("a", *["secret"] * len(kinds)), landed=dict.fromkeys(table.types, pa.string()))
    words = {column: reason for _, column, reason in corrupt}
    assert words == {
        "whole": "The value is no whole number.",
        "price": "The value is no number.",
        "day": "The value is no date.",
        "time": "The value is no time.",
        "yes": "The value is no boolean.",
    }


def test_a_misfit_in_a_row_without_a_key(warehouse: Engine) -> None:
    """What is listed is found again: where a row has no key, its place in the file is told."""
    table = Table(warehouse, TEXTS | {"name": pa.int64()})
    _, corrupt = table.read((None, "1"), ("", "x"), (None, "y"), landed=TEXTS)
    assert {place for place, _, _ in corrupt} == {"1", "2", "3"}


def test_equal_rows_of_one_key_count_once(warehouse: Engine) -> None:
    """Of rows with the same content one stays, and none is listed."""
    rows, corrupt = Table(warehouse, TEXTS).read(("a", "Ada"), ("a", "Ada"), ("b", None), ("b", None))
    assert names(rows) == [("a", "Ada"), ("b", None)]
    assert not corrupt


def test_the_first_of_different_rows_of_one_key_stays(warehouse: Engine) -> None:
    """Elsewhere than in a feed the first by its position wins; different ones are listed."""
    rows, corrupt = Table(warehouse, TEXTS).read(("a", "Ada"), ("b", "Bob"), ("a", "Eve"), ("a", "Ada"))
    assert names(rows) == [("a", "Ada"), ("b", "Bob")]
    assert corrupt == {("a", "id", "duplicate key")}


def test_the_newest_of_different_rows_of_one_key_stays_in_a_feed(warehouse: Engine) -> None:
    """In a feed the last one read wins, whatever came before."""
    table = Table(warehouse, TEXTS)
    table.read(("a", "x"), ("b", "Bob"))
    rows, _ = table.read(("a", "Ada"), ("a", "Eve"), ("a", "Ada"), ("a", "Zoe"), deleted=[], latest_wins=True)
    assert names(rows) == [("a", "Zoe"), ("b", "Bob")]


def test_a_feed_changes_what_it_names(warehouse: Engine) -> None:
    """Rows are new, changed or deleted; those that the feed does not name stay; rows are numbered again."""
    table = Table(warehouse, TEXTS)
    table.read(("b", "Bob"), ("c", "Cy"), ("d", "Dan"))
    rows, corrupt = table.read(("a", "Ada"), ("c", "Carl"), deleted=["d", "unknown"], latest_wins=True)
    assert names(rows) == [("a", "Ada"), ("b", "Bob"), ("c", "Carl")]
    assert [row[transform.ROW] for row in rows] == [1, 2, 3]
    assert not corrupt


def test_a_full_read_is_all_there_is(warehouse: Engine) -> None:
    """What a full read does not bring is gone."""
    table = Table(warehouse, TEXTS)
    table.read(("a", "Ada"), ("b", "Bob"))
    assert names(table.read(("b", "Bob"))[0]) == [("b", "Bob")]


def test_a_key_called_key(warehouse: Engine) -> None:
    """The key column may have the name that we give it."""
    types: dict[str, pa.DataType] = {"key": pa.int64(), "name": pa.string()}
    rows, _ = Table(warehouse, types, key="key").read((10, "Ada"), (9, "Eve"), (10, "Ada"))
    assert names(rows) == [("9", "Eve"), ("10", "Ada")]


def test_a_table_without_a_key(warehouse: Engine) -> None:
    """Its rows go by their position, from 1, in the order of the file; equal ones are different rows."""
    table = Table(warehouse, {"name": pa.string()}, key="")
    rows, corrupt = table.read(*((f"n{place % 2}",) for place in range(11)))
    assert [row["key"] for row in rows] == [str(place + 1) for place in range(11)]
    assert [row["name"] for row in rows] == [f"n{place % 2}" for place in range(11)]
    assert not corrupt


HISTORY = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("xyz")), max_size=6),
        st.sets(st.sampled_from("abcdef"), max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY)
def test_feeds_add_up(warehouse: Engine, history: list[tuple[list[tuple[str, str]], set[str]]]) -> None:
    """After any feeds the table holds what a dictionary would."""
    table, known = Table(warehouse, TEXTS), dict[str, str]()
    table.read()
    for written, gone in history:
        deleted = gone - {key for key, _ in written}
        rows, _ = table.read(*written, deleted=sorted(deleted), latest_wins=True)
        known = {key: name for key, name in (known | dict(written)).items() if key not in deleted}
        assert names(rows) == sorted(known.items())


@pytest.mark.parametrize(("known", "missing"), [(2000, 100), (2000, 0), (10_000, 500), (100, 99), (1, 0), (0, 0)])
def test_few_missing_rows_are_believed(known: int, missing: int) -> None:
    """5 % of the rows, or 100, may be missing, but not all."""
    transform.believe("crm.contact", known=known, missing=missing, read=known, corrupt=0)


@pytest.mark.parametrize(("known", "missing"), [(2000, 101), (10_000, 501), (100, 100), (1, 1)])
def test_many_missing_rows_are_not_believed(known: int, missing: int) -> None:
    """More than that fails the read, with both numbers and what to do if it is right."""
    with pytest.raises(errors.SourceError, match=f"{missing:,} of the {known:,} rows .* --accept-loss crm.contact"):
        transform.believe("crm.contact", known=known, missing=missing, read=known, corrupt=0)


@pytest.mark.parametrize(("read", "corrupt"), [(10_000, 100), (20_000, 200), (100, 99), (0, 0)])
def test_few_corrupt_rows_are_believed(read: int, corrupt: int) -> None:
    """1 % of the rows read, or 100, may be corrupt, but not all."""
    transform.believe("crm.contact", known=read, missing=0, read=read, corrupt=corrupt)


@pytest.mark.parametrize(("read", "corrupt"), [(10_000, 101), (20_000, 201), (100, 100), (1, 1)])
def test_many_corrupt_rows_are_not_believed(read: int, corrupt: int) -> None:
    """More than that fails the read, with both numbers and what to do if it is right."""
    with pytest.raises(errors.SourceError, match=f"{corrupt:,} of the {read:,} rows .* --accept-loss crm.contact"):
        transform.believe("crm.contact", known=read, missing=0, read=read, corrupt=corrupt)


def test_plain_batches() -> None:
    """Times with a zone or of another unit are UTC microseconds, days are days, and text is text."""
    noon = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)
    bare = noon.replace(tzinfo=None)
    columns: dict[str, pa.Array[Any]] = {
        "zoned": pa.array([noon], pa.timestamp("ms", "Europe/Athens")),
        "fine": pa.array([1_709_208_000_000_000_001], pa.timestamp("ns")),
        "day": pa.array([noon.date()], pa.date64()),
        "kind": pa.array(["x"]).dictionary_encode(),
        "large": pa.array(["y"], pa.large_string()),
        "number": pa.array([1], pa.int32()),
    }
    made = transform.plain(pa.RecordBatch.from_pydict(columns))
    kinds = [shapes.TIME, shapes.TIME, pa.date32(), pa.string(), pa.string(), pa.int32()]
    assert made.schema.types == kinds
    assert made.to_pylist() == [
        {"zoned": bare, "fine": bare, "day": bare.date(), "kind": "x", "large": "y", "number": 1}
    ]

"""Columns of our own tables: names, types, and values that do not fit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from backstamp import engine
from backstamp.link import columns


def test_names() -> None:
    """Names become small letters, digits and underscores; where two would be one, a hash tells them apart."""
    spelled = columns.logical_names("msdynci_", ["FullName", "E-Mail", "E_Mail", "identifier"], ["msdynci_identifier"])
    assert spelled["FullName"] == "msdynci_fullname"
    assert len(set(spelled.values()) - {"msdynci_identifier"}) == 4
    assert spelled["E-Mail"].startswith("msdynci_e_mail_")
    assert columns.logical_names("msdynci_", ["E_Mail", "E-Mail"])["E-Mail"] == spelled["E-Mail"]


def test_long_name() -> None:
    """A name that is too long is cut, and stays one of its own."""
    names = [f"loyalty_{'very' * 12}_{end}" for end in ("left", "right")]
    spelled = set(columns.logical_names("msdynci_", names).values())
    assert [len(name) for name in spelled] == [50, 50]


CASES: list[tuple[pa.DataType, pa.DataType, Any, Any, int]] = [
    (pa.string(), pa.string(), "Ada", "Ada", 0),
    (pa.string(), pa.string(), "é" * 4001, "é" * 4000, 1),
    (pa.int32(), pa.int32(), 7, 7, 0),
    (pa.int64(), pa.decimal128(23, 0), 5_000_000_000, Decimal(5_000_000_000), 0),
    (pa.int64(), pa.decimal128(23, 0), 10**12, None, 1),
    (pa.float64(), pa.decimal128(23, 10), 12.5, Decimal("12.5"), 0),
    (pa.float64(), pa.decimal128(23, 10), float("nan"), None, 1),
    (pa.float64(), pa.decimal128(23, 10), None, None, 0),
    (pa.decimal128(19, 4), pa.decimal128(23, 4), Decimal("1.2345"), Decimal("1.2345"), 0),
    (pa.bool_(), pa.bool_(), True, True, 0),
    (pa.date32(), pa.date32(), dt.date(1600, 1, 1), None, 1),
    (pa.date32(), pa.date32(), dt.date(1980, 1, 31), dt.date(1980, 1, 31), 0),
    (pa.timestamp("us"), pa.timestamp("us", "UTC"), dt.datetime(2024, 2, 29, 12), dt.datetime(2024, 2, 29, 12), 0),  # noqa: DTZ001 - as the house keeps times
]


@pytest.mark.parametrize(("kind", "wanted", "value", "expected", "cut"), CASES, ids=str)
def test_fit(kind: pa.DataType, wanted: pa.DataType, value: Any, expected: Any, cut: int) -> None:
    """Each type of the house has one in the environment; what does not fit is cut or emptied, and counted."""
    with engine.DuckDB() as warehouse:
        batch = pa.record_batch({"value": pa.array([value], kind)})
        table = warehouse.load(batch.schema, [batch])
        field = columns.fit("new_value", table.value)
        (row,) = warehouse.rows(table.select(value=field.value, cut=field.is_cut))
    assert (field.column.type, row["value"], row["cut"]) == (wanted, expected, cut)
    assert str(field.column.type) in columns.TYPES

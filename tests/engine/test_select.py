"""A select in SQL gives the same on every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from backstamp import errors, shapes

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from backstamp.engine import Engine

SCHEMA = shapes.shape(id=pa.string(), phone=pa.string(), mobile=pa.string())
ROWS: list[dict[str, str | None]] = [
    {"id": "a", "phone": " 1", "mobile": None},
    {"id": "b", "phone": "x", "mobile": "2"},
]


def people(warehouse: Engine) -> ir.Table:
    """A table to select from."""
    return warehouse.load(SCHEMA, [pa.RecordBatch.from_pylist(ROWS, schema=SCHEMA)])


def test_select(warehouse: Engine) -> None:
    """Tables have the names that the select has for them, and may be joined."""
    statement = (
        'SELECT "l"."id" AS "id", COALESCE("l"."mobile", TRIM("l"."phone")) AS "best", "r"."id" AS "other"'
        ' FROM "lead" AS "l" LEFT JOIN "friend" AS "r" ON "l"."mobile" = "r"."mobile"'
    )
    made = warehouse.select(statement, {"lead": people(warehouse), "friend": people(warehouse)})
    expected = [{"id": "a", "best": "1", "other": None}, {"id": "b", "best": "2", "other": "b"}]
    assert sorted(warehouse.rows(made), key=lambda row: row["id"]) == expected


def test_select_that_does_not_fit(warehouse: Engine) -> None:
    """A column that is not there is the project's fault; a value that does not fit is the source's, and is not told."""
    tables = {"lead": people(warehouse)}
    with pytest.raises(errors.ConfigurationError, match="does not fit its tables"):
        warehouse.select('SELECT "fax" FROM "lead"', tables)
    with pytest.raises(errors.SourceError, match="use try_cast") as raised:
        warehouse.select('SELECT CAST("phone" AS INT) AS "n" FROM "lead"', tables)
    assert "'x'" not in str(raised.value)

"""What the values of columns are like: how many are empty, how many differ, which are the most frequent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine

_MOST_FREQUENT = 3


@dataclass(frozen=True)
class Frequent:
    """A value of a column, as text, and how many rows have it."""

    value: str
    rows: int


@dataclass(frozen=True)
class ColumnProfile:
    """What the values of a column are like.

    Attributes:
        column: its name.
        empty: rows without a value: null, or nothing but white space.
        distinct: different values.
        most_frequent: the values that several rows have, the most frequent first; only a few.
    """

    column: str
    empty: int
    distinct: int
    most_frequent: tuple[Frequent, ...]


def profile(engine: Engine, rows: ir.Table, columns: Sequence[str]) -> tuple[int, tuple[ColumnProfile, ...]]:
    """Return how many rows there are, and what each column is like.

    Args:
        engine: where it is computed.
        rows: the columns.
        columns: their names, at least one.
    """
    filled = rows.select(**{f"c{n}": _filled(rows[name]) for n, name in enumerate(columns)})
    counts = {f"{what}{n}": made for n in range(len(columns)) for what, made in _counts(filled[f"c{n}"]).items()}
    [counted] = engine.rows(filled.aggregate(rows=filled.count(), **counts))
    frequent: dict[int, list[Frequent]] = {n: [] for n in range(len(columns))}
    every = [_most_frequent(filled, n) for n in frequent]
    found = engine.rows(ibis.union(*every))
    for row in sorted(found, key=lambda row: (-row["rows"], row["value"])):
        frequent[row["place"]].append(Frequent(row["value"], row["rows"]))
    total = int(counted["rows"])
    return total, tuple(
        ColumnProfile(name, total - counted[f"filled{n}"], counted[f"distinct{n}"], tuple(frequent[n]))
        for n, name in enumerate(columns)
    )


def _filled(column: ir.Column) -> ir.Column:
    return (column.strip() == "").ifelse(ibis.null(), column) if column.type().is_string() else column


def _counts(column: ir.Column) -> dict[str, ir.Value]:
    return {"filled": column.count(), "distinct": column.nunique()}


def _most_frequent(filled: ir.Table, place: int) -> ir.Table:
    column = filled[f"c{place}"]
    values = filled.select(value=column.cast("string")).drop_null()
    counted = values.group_by("value").agg(rows=values.count())
    several = counted.filter(counted["rows"] > 1).order_by([ibis.desc("rows"), "value"]).limit(_MOST_FREQUENT)
    return several.select("value", "rows", place=ibis.literal(place))

"""What is built once is given again for the same tables and settings, and for nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pytest

from backstamp.engine import DuckDB, built

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir


@dataclass(frozen=True)
class Setting:
    """What a project file could say."""

    least: int
    names: tuple[str, ...] = ()


@built.once
def above(table: ir.Table, setting: Setting, values: Mapping[str, float]) -> ir.Table:
    """Return what is above a limit."""
    return table.filter(table.number > setting.least).mutate(**values)


def numbers(name: str, kind: str = "int64") -> ir.Table:
    """Return a table of numbers."""
    return ibis.table({"number": kind}, name=name)


def test_the_same_is_built_once() -> None:
    """Tables are the same by name and columns, settings and mappings by what they say."""
    one = above(numbers("one"), Setting(1, ("a",)), {"b": 2})
    assert above(numbers("one"), Setting(1, ("a",)), {"b": 2}) is one


@pytest.mark.parametrize(
    "asked",
    [
        (numbers("other"), Setting(1), {"b": 2}),
        (numbers("one", "int32"), Setting(1), {"b": 2}),
        (numbers("one"), Setting(2), {"b": 2}),
        (numbers("one"), Setting(1), {"b": 2.0}),
        (numbers("one"), Setting(1, ("a",)), {"b": 2}),
        (numbers("one"), Setting(1), {"b": 3}),
    ],
)
def test_anything_else_is_built_anew(asked: tuple[ir.Table, Setting, Mapping[str, float]]) -> None:
    """Another name, type, setting or value makes another expression, also where `==` sees no difference."""
    assert above(*asked) is not above(numbers("one"), Setting(1), {"b": 2})


def test_a_lambda_is_known_by_what_is_around_it() -> None:
    """What a lambda builds is given again while the variables that it reads are the same."""

    def smallest(table: ir.Table, number: int) -> ir.Table:
        return built.here(lambda: table.limit(number))

    assert smallest(numbers("one"), 1) is smallest(numbers("one"), 1)
    assert smallest(numbers("one"), 2) is not smallest(numbers("one"), 1)
    assert smallest(numbers("two"), 1) is not smallest(numbers("one"), 1)


def test_an_engine_is_refused() -> None:
    """What depends on an engine could be another thing each time, so it is never kept."""
    with DuckDB() as engine, pytest.raises(TypeError, match="cannot depend on DuckDB"):
        built.here(lambda: engine.has("table"))

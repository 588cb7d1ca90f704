"""Expressions that are built once a process.

Ibis takes longer to build an expression than DuckDB to compute it on a few rows. What is made of tables, known by their
names and columns, and of settings is the same expression whenever it is asked for. So it is kept with what it was made
of, and given again; an engine then knows its statement too.

What is built so must be made of nothing else: not of an engine, of rows, or of the time. Nobody may change it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache, wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from uuid import UUID

import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

P = ParamSpec("P")
T = TypeVar("T")

_KEPT = 4096
_PLAIN = (str, int, float, bool, bytes, type(None), UUID, dt.DataType, pa.DataType, pa.Schema)


def once(build: Callable[P, T]) -> Callable[P, T]:
    """Let a function give again what it built of the same arguments."""

    @wraps(build)
    def built(*arguments: P.args, **named: P.kwargs) -> T:
        identity = (build, _identity(arguments), _identity(named))
        made: T = _kept(_Asked(identity, lambda: build(*arguments, **named)))
        return made

    return built


def here(build: Callable[[], T]) -> T:
    """Return what a lambda builds of the variables around it, or what it built of the same ones before."""
    made: T = _kept(_Asked(_identity(build), build))
    return made


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked for: known by an identity, and how it is built."""

    identity: object
    build: Callable[[], Any]

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.identity == other.identity


@lru_cache(_KEPT)
def _kept(asked: _Asked) -> Any:  # noqa: ANN401 - whatever is built
    return asked.build()


def _identity(value: object) -> object:
    """Return what tells a value from others, and can be looked up; an expression's own `==` makes another one."""
    if isinstance(value, ir.Expr):
        return value.op()
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, FunctionType):
        around = (cell.cell_contents for cell in value.__closure__ or ())
        return value.__module__, value.__code__, *map(_identity, around), *map(_identity, value.__defaults__ or ())
    return type(value), *map(_identity, _parts(value))


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        return (part for item in value.items() for part in item)
    if isinstance(value, list | tuple):
        return iter(value)
    if isinstance(value, set | frozenset):
        return iter(sorted(value))
    if is_dataclass(value):
        return (getattr(value, field.name) for field in fields(value))
    raise TypeError(f"What is built once cannot depend on {type(value).__name__}: give it what that stands for.")

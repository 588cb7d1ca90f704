"""Columns of our own tables in the environment: how they are named, of which type they are, and what fits into them."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa

from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.types as ir

LONGEST_TEXT = 4000
_LONGEST_MEMO = 1_048_576
_LONGEST_NAME = 50
_LARGEST_NUMBER = 100_000_000_000
_MOST_PLACES = 10
_DIGITS = 23
_LARGEST_INTEGER = 2**31 - 1
_FIRST_YEAR = 1753  # what SQL Server calls a time begins there

_TIME = pa.timestamp("us", "UTC")
_TYPES = (
    pa.string(),
    pa.int32(),
    pa.bool_(),
    pa.date32(),
    _TIME,
    *(pa.decimal128(_DIGITS, places) for places in range(_MOST_PLACES + 1)),
)
TYPES = {str(kind): kind for kind in _TYPES}
"""Every type that a column of ours can have, by its name in a plan."""


@dataclass(frozen=True)
class Field:
    """A column of one of our own tables, its values as the environment takes them, and whether one had to be cut."""

    column: ports.Column
    value: ir.Value
    is_cut: ir.Value


def fit(name: str, value: ir.Value, *, display_name: str = "", memo: bool = False) -> Field:
    """Give a column the type that the environment has for it (linking.md 2).

    Text is cut at its longest; a number or a time that the environment cannot hold becomes null. Both count as cut.

    Args:
        name: of the column in the environment.
        value: its values.
        display_name: what people read.
        memo: it is text that can be longer than a String column holds.
    """
    kind = value.type()
    if kind.is_boolean():
        return _field(name, pa.bool_(), value, display_name)
    if kind.is_date():
        return _field(name, pa.date32(), value, display_name, fits=value.year() >= _FIRST_YEAR)
    if kind.is_timestamp():
        return _field(name, _TIME, value, display_name, fits=value.year() >= _FIRST_YEAR)
    if kind.is_integer() and kind.bounds.upper <= _LARGEST_INTEGER:
        return _field(name, pa.int32(), value.cast(dt.int32), display_name)
    if kind.is_numeric():
        return _number(name, value, display_name)
    return _text(name, value.cast(dt.string), display_name, _LONGEST_MEMO if memo else LONGEST_TEXT)


def point(name: str, key: ir.Value, table: str, display_name: str) -> Field:
    """Make a lookup: a column that holds the key of a row of another table."""
    return Field(ports.Column(name, pa.string(), lookup_to=table, display_name=display_name), key, ibis.literal(0))


def logical_names(prefix: str, names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Spell names as the environment wants them: small letters, digits and underscores, not too long, each once.

    Where two would become one, or one is too long, a hash of the name as it was makes the difference: so a name does
    not depend on the order of the columns.
    """
    spelled = {name: prefix + re.sub("[^a-z0-9_]", "_", name.lower()) for name in names}
    uses = Counter([*spelled.values(), *taken])
    return {
        name: plain if uses[plain] == 1 and len(plain) <= _LONGEST_NAME else _hashed(plain, name)
        for name, plain in spelled.items()
    }


def renamed(field: Field, taken: Iterable[str], there: ports.TableDefinition | None) -> Field:
    """Give a column whose type changed another name: the first of `name_2`, `name_3` … that can hold it (linking.md 2).

    A column keeps its name as long as the environment's column of that name can hold what it is now; so one whose type
    changes back has its old name again.

    Args:
        field: the column.
        taken: names of other columns.
        there: the table as the environment has it, None where it has it not.
    """
    name, others = field.column.name, set(taken)
    numbered = (f"{name[: _LONGEST_NAME - len(f'_{number}')]}_{number}" for number in itertools.count(2))
    for candidate in itertools.chain([name], (one for one in numbered if one not in others)):
        existing = there.column(candidate) if there else None
        if existing is None or existing.can_hold(field.column):
            return replace(field, column=replace(field.column, name=candidate))
    raise AssertionError  # there are always more numbers


def _hashed(plain: str, name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: _LONGEST_NAME - 1 - len(digest)]}_{digest}"


def _number(name: str, value: ir.Value, display_name: str) -> Field:
    kind = value.type()
    places = 0 if kind.is_integer() else min(_MOST_PLACES, kind.scale if kind.is_decimal() else _MOST_PLACES)
    fits = value.abs() <= _LARGEST_NUMBER
    number = fits.ifelse(value, ibis.null(kind)).cast(dt.Decimal(_DIGITS, places))
    return _field(name, pa.decimal128(_DIGITS, places), number, display_name, fits=fits)


def _text(name: str, value: ir.Value, display_name: str, longest: int) -> Field:
    fits = value.length() <= longest
    column = ports.Column(
        name, pa.string(), max_length=longest if longest == LONGEST_TEXT else None, display_name=display_name
    )
    return Field(column, fits.ifelse(value, value.substr(0, longest)), _cut(fits))


def _field(
    name: str, kind: pa.DataType, value: ir.Value, display_name: str, *, fits: ir.BooleanValue | None = None
) -> Field:
    column = ports.Column(name, kind, display_name=display_name)
    if fits is None:
        return Field(column, value, ibis.literal(0))
    return Field(column, fits.ifelse(value, ibis.null(value.type())), _cut(fits))


def _cut(fits: ir.Value) -> ir.Value:
    """Return 1 where a value does not fit; where there is none nothing is cut."""
    return (~fits).fill_null(False).cast(dt.int32)

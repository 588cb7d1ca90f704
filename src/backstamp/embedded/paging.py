"""How rows are sorted, and where a page goes on: by the sort values of the last row, so that no row is skipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp.embedded import conditions, faults, tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.embedded.conditions import Found, Place
    from backstamp.embedded.metadata import Column

    Expression = sa.ColumnElement[Any]


@dataclass(frozen=True)
class SortKey:
    """A column to sort by."""

    column: Column
    expression: Expression
    descending: bool = False

    @classmethod
    def of(cls, found: Found, *, descending: bool = False) -> SortKey:
        """Sort by what a path leads to; text without regard to case."""
        return cls(found.column, conditions.comparable(found.column, found.value), descending)

    @classmethod
    def of_key(cls, place: Place) -> SortKey:
        """Sort by a table's primary key."""
        key = place.table.by_name[place.table.key]
        return cls(key, place.sql.c[key.name])

    @property
    def order(self) -> Expression:
        """Rows without a value come first going up and last going down, on every database."""
        expression = self.expression
        if not getattr(expression, "nullable", True):
            # What is said about missing values would keep PostgreSQL from using the key's index.
            return expression.desc() if self.descending else expression.asc()
        return expression.desc().nulls_last() if self.descending else expression.asc().nulls_first()

    def beyond(self, value: object) -> Expression:
        """Tell which rows come later than this value."""
        if value is None:
            return sa.false() if self.descending else self.expression.is_not(None)
        bound = conditions.literal(self.column, value)
        if self.descending:
            return sa.or_(self.expression < bound, self.expression.is_(None))
        return self.expression > bound

    def equal(self, value: object) -> Expression:
        """Tell which rows have this value."""
        return self.expression.is_(None) if value is None else self.expression == conditions.literal(self.column, value)


@dataclass(frozen=True)
class Position:
    """Where a page starts.

    Attributes:
        last: the sort values of the last row before it; none on the first page.
        left: how many rows are still to come at most; None where that is open.
    """

    last: tuple[object, ...] = ()
    left: int | None = None

    @property
    def token(self) -> str:
        """The position as the opaque part of a next link."""
        return tokens.write({"last": self.last, "left": self.left})


def resume(token: str, keys: Sequence[SortKey]) -> Position:
    """Read the position out of a token.

    Raises:
        Fault: it is not ours, or belongs to a query with another order.
    """
    match tokens.read(token):
        case {"last": [*last], "left": int() | None as left} if len(last) == len(keys) and (left or 0) >= 0:
            if all(isinstance(value, str | int | float | None) for value in last):
                return Position(tuple(last), left)
    raise faults.bad_request("The $skiptoken does not belong to this query.")


def after(keys: Sequence[SortKey], position: Position) -> list[Expression]:
    """Tell which rows come after a position: later in one key, equal in those before it."""
    if not position.last:
        return []
    alternatives: list[Expression] = []
    equal: list[Expression] = []
    for key, value in zip(keys, position.last, strict=True):
        alternatives.append(sa.and_(*equal, key.beyond(value)))
        equal.append(key.equal(value))
    return [sa.or_(*alternatives)]

"""From the rows of a table to the customers: each row has at most one, by foreign keys."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from backstamp import errors
from backstamp.measures.settings import Relationship

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

MOST_HOPS = 20
_MOST_LISTED = 10

Way: TypeAlias = tuple[Relationship, ...]
"""The relationships that lead from a table to a unified one, in their order; none for a unified table itself."""


def way(
    table: str, relationships: Sequence[Relationship], unified: Collection[str], through: Collection[str] = ()
) -> Way:
    """Return the one way that leads from a table to a unified one.

    Args:
        table: where it begins.
        relationships: the relationships.
        unified: the unified tables: there a way ends, and their own rows need none.
        through: foreign keys that are taken where there are several from one table.

    Raises:
        ConfigurationError: there is none, or there are several; the message lists them.
    """
    found = list(islice(_ways(table, relationships, unified, through, {table}), _MOST_LISTED + 1))
    if not found:
        raise errors.ConfigurationError(
            f"No relationship leads from {table} to a unified table, so that its rows belong to nobody."
            f" Add one under `relationships`: {{from: {table}.COLUMN, to: TABLE.KEY}}."
        )
    if len(found) > 1:
        more = " and more" if len(found) > _MOST_LISTED else ""
        listed = "; ".join(map(words, found[:_MOST_LISTED]))
        differs = next(step.from_ for step, other in zip(*found[:2], strict=False) if step != other)
        raise errors.ConfigurationError(
            f"Several ways lead from {table} to unified tables: {listed}{more}."
            f" Say which one is meant: `through: {differs}`."
        )
    return found[0]


def words(found: Way) -> str:
    """Return a way as people read it."""
    return " → ".join([*(step.from_ for step in found), found[-1].to]) if found else ""


def reversed_step(relationship: Relationship) -> Relationship:
    """Return a one-to-one relationship as it is gone from its other end."""
    return Relationship(relationship.to, relationship.from_, relationship.kind)


def is_backward(step: Relationship, relationships: Sequence[Relationship]) -> bool:
    """Tell whether a step of a way goes against its relationship."""
    return step not in relationships


def cycle(relationships: Sequence[Relationship]) -> tuple[int, ...]:
    """Return the places of relationships that lead in a circle, none where there is no such."""
    state: dict[str, bool] = {}  # whether all that a table leads to has been seen

    def visit(table: str, path: tuple[int, ...]) -> tuple[int, ...]:
        state[table] = False
        for place, one in enumerate(relationships):
            if one.from_table != table:
                continue
            if state.get(one.to_table) is False:
                tables = [relationships[step].from_table for step in (*path, place)]
                return (*path, place)[tables.index(one.to_table) :]
            if one.to_table not in state and (found := visit(one.to_table, (*path, place))):
                return found
        state[table] = True
        return ()

    tables = dict.fromkeys(one.from_table for one in relationships)
    return next((found for table in tables if table not in state and (found := visit(table, ()))), ())


def _ways(
    table: str,
    relationships: Sequence[Relationship],
    unified: Collection[str],
    through: Collection[str],
    seen: set[str],
) -> Iterator[Way]:
    steps = [one for one in _steps(table, relationships) if one.to_table not in seen]
    named = [one for one in steps if one.from_ in through]
    if table in unified and not named:
        yield ()
        return
    if len(seen) > MOST_HOPS:
        return
    for step in named or steps:
        for rest in _ways(step.to_table, relationships, unified, through, seen | {step.to_table}):
            yield (step, *rest)


def _steps(table: str, relationships: Sequence[Relationship]) -> Iterator[Relationship]:
    for one in relationships:
        if one.from_table == table:
            yield one
        elif one.to_table == table and one.kind == "one_to_one":
            yield reversed_step(one)

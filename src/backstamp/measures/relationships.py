"""From the rows of a table to the customers: each row has at most one, by its foreign key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.measures.settings import Relationship


def leading_from(table: str, relationships: Sequence[Relationship]) -> Relationship:
    """Return the one relationship that leads from a table to a unified one.

    Raises:
        ConfigurationError: there is none, or there are several; the message lists them.
    """
    found = [relationship for relationship in relationships if relationship.from_table == table]
    if not found:
        raise errors.ConfigurationError(
            f"No relationship leads from {table} to a unified table, so that its rows belong to nobody."
            f" Add one under `relationships`: {{from: {table}.COLUMN, to: TABLE.KEY}}."
        )
    if len(found) > 1:
        ways = "; ".join(f"{relationship.from_} to {relationship.to}" for relationship in found)
        raise errors.ConfigurationError(
            f"{len(found)} relationships lead from {table} to unified tables, where one is possible: {ways}."
            " Remove all but the one that says whose the rows are."
        )
    return found[0]

"""Answers queries: one statement for the rows, one more for each expanded navigation property."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp.embedded import conditions, faults, projection, records, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from backstamp.embedded.conditions import Place
    from backstamp.embedded.metadata import Relationship, Table
    from backstamp.embedded.options import Expansion, Order, Query
    from backstamp.embedded.projection import Annotations, Projection
    from backstamp.embedded.store import Session

    Item = dict[str, Any]
    Expression = sa.ColumnElement[Any]
    Follow = Callable[[Sequence[Sequence[Any]], list[Item]], None]

_COUNT_LIMIT = 5000
_CHILDREN_LIMIT = 5000


@dataclass(frozen=True)
class Page:
    """Rows as JSON objects, and where to go on.

    Attributes:
        skip: the token of the next page, or "" on the last one.
        total: how many rows fit the filter, at most 5 000, where that was asked for.
    """

    items: list[Item]
    skip: str = ""
    total: int | None = None


@dataclass(frozen=True)
class _SortKey:
    expression: Expression
    descending: bool = False

    @property
    def order(self) -> Expression:
        """Rows without a value come first going up and last going down, on every database."""
        ordered = self.expression.desc() if self.descending else self.expression.asc()
        if not getattr(self.expression, "nullable", True):
            return ordered  # what is said about missing values would keep PostgreSQL from using the key's index
        return ordered.nulls_last() if self.descending else ordered.nulls_first()

    def beyond(self, value: object) -> Expression:
        """Tell which rows come later than this value."""
        if value is None:
            return sa.false() if self.descending else self.expression.is_not(None)
        if self.descending:
            return sa.or_(self.expression < value, self.expression.is_(None))
        return self.expression > value


def find(session: Session, table: Table, key: str, query: Query, annotations: Annotations) -> Item:
    """Return the row with this key.

    Raises:
        Fault: there is none.
    """
    found = _by_key(session, table, query, [key], annotations)
    if key not in found:
        raise faults.no_row(table.name, key)
    return found[key]


def page(session: Session, table: Table, query: Query, size: int, annotations: Annotations) -> Page:
    """Return one page of the rows that fit the query; `$top` caps all pages together.

    Raises:
        Fault: the query names what does not exist, or its token is not ours.
    """
    chosen = projection.project(session.schema, table, query.select, annotations)
    followers = [_follower(session, chosen, expansion) for expansion in query.expand]
    keys = _sort_keys(session, chosen.place, query.orderby)
    places = [chosen.need(key.expression) for key in keys]
    wheres = [conditions.condition(session.schema, chosen.place, query.filter)] if query.filter else []
    after, left = _resume(query, keys)
    limit = size if left is None else min(size, left)
    # One row more than the page holds tells whether there is another page.
    statement = sa.select(*chosen.expressions).where(*wheres, *after).order_by(*(key.order for key in keys))
    rows = session.connection.execute(statement.limit(limit + 1)).all()
    kept = rows[:limit]
    items = chosen.items(kept)
    for follow in followers:
        follow(kept, items)
    skip = ""
    if len(rows) > limit and limit != left:
        last = [kept[-1][place] for place in places]
        skip = tokens.write({"last": last, "left": None if left is None else left - limit})
    return Page(items, skip, _total(session, chosen.place, wheres) if query.count else None)


def _resume(query: Query, keys: Sequence[_SortKey]) -> tuple[list[Expression], int | None]:
    """Return the condition of the rows that are still to come, and how many `$top` leaves of them."""
    if not query.skip:
        return [], query.top
    match tokens.read(query.skip):
        case {"last": [*last], "left": int() | None as left} if len(last) == len(keys) and (left or 0) >= 0:
            if all(isinstance(value, str | int | float | None) for value in last):
                return [_after(keys, last)], left
    raise faults.bad_request("The $skiptoken does not belong to this query.")


def _after(keys: Sequence[_SortKey], last: Sequence[object]) -> Expression:
    """Tell which rows come after the row with these sort values: later in one key, equal in those before it."""
    alternatives: list[Expression] = []
    equal: list[Expression] = []
    for key, value in zip(keys, last, strict=True):
        alternatives.append(sa.and_(*equal, key.beyond(value)))
        equal.append(key.expression.is_not_distinct_from(value))
    return sa.or_(*alternatives)


def _sort_keys(session: Session, place: Place, orderby: Sequence[Order]) -> list[_SortKey]:
    """Return what to sort by; the primary key at the end makes every order total."""
    keys: list[_SortKey] = []
    for order in orderby:
        found = conditions.resolve(session.schema, place, order.path)
        keys.append(_SortKey(conditions.comparable(found.column, found.value), order.descending))
    return [*keys, _SortKey(place.sql.c[place.table.key])]


def _total(session: Session, place: Place, wheres: Sequence[Expression]) -> int:
    some = sa.select(sa.literal(1)).select_from(place.sql).where(*wheres).limit(_COUNT_LIMIT).subquery()
    return int(session.connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def _follower(session: Session, chosen: Projection, expansion: Expansion) -> Follow:
    """Return what puts the rows at the end of a navigation property into the objects of a page."""
    table = chosen.place.table
    single = session.schema.navigations[table.name].get(expansion.navigation)
    if single is not None:
        return _single(session, chosen, single, expansion)
    several = session.schema.collections[table.name].get(expansion.navigation)
    if several is not None:
        return _several(session, chosen, several, expansion)
    raise faults.unknown_property(expansion.navigation, table.name)


def _single(session: Session, chosen: Projection, relationship: Relationship, expansion: Expansion) -> Follow:
    target = session.schema.tables[relationship.referenced]
    place = chosen.need(chosen.place.sql.c[relationship.column])

    def follow(rows: Sequence[Sequence[Any]], items: list[Item]) -> None:
        keys = list({row[place] for row in rows} - {None})
        found = _by_key(session, target, expansion.query, keys, chosen.annotations)
        for row, item in zip(rows, items, strict=True):
            item[expansion.navigation] = found.get(row[place])

    return follow


def _by_key(
    session: Session, table: Table, query: Query, keys: Sequence[str], annotations: Annotations
) -> dict[str, Item]:
    chosen = projection.project(session.schema, table, query.select, annotations)
    followers = [_follower(session, chosen, expansion) for expansion in query.expand]
    key = chosen.place.sql.c[table.key]
    found: dict[str, Item] = {}
    for chunk in records.chunks(keys):
        rows = session.connection.execute(sa.select(*chosen.expressions).where(key.in_(chunk))).all()
        items = chosen.items(rows)
        for follow in followers:
            follow(rows, items)
        found.update((item[table.key], item) for item in items)
    return found


def _several(session: Session, chosen: Projection, relationship: Relationship, expansion: Expansion) -> Follow:
    key = chosen.place.table.key

    def follow(_rows: Sequence[Sequence[Any]], items: list[Item]) -> None:
        children: dict[str, list[Item]] = defaultdict(list)
        for chunk in records.chunks([item[key] for item in items]):
            for parent, child in _children(session, relationship, expansion.query, chunk, chosen.annotations):
                children[parent].append(child)
        for item in items:
            item[expansion.navigation] = children[item[key]]

    return follow


def _children(
    session: Session, relationship: Relationship, query: Query, parents: Sequence[str], annotations: Annotations
) -> Iterator[tuple[str, Item]]:
    """Give the rows that point to these parents, each with its parent; of every parent at most `$top`."""
    table = session.schema.tables[relationship.referencing]
    chosen = projection.project(session.schema, table, query.select, annotations)
    followers = [_follower(session, chosen, expansion) for expansion in query.expand]
    columns = chosen.place.sql.c
    link = columns[relationship.column]
    place = chosen.need(link)
    wheres = [conditions.condition(session.schema, chosen.place, query.filter)] if query.filter else []
    order = [key.order for key in _sort_keys(session, chosen.place, query.orderby)]
    rank = sa.func.row_number().over(partition_by=link, order_by=order).label("rank")
    ranked = sa.select(columns[table.key].label("id"), rank).where(link.in_(parents), *wheres).subquery()
    limit = _CHILDREN_LIMIT if query.top is None else min(query.top, _CHILDREN_LIMIT)
    kept = sa.select(ranked.c.id).where(ranked.c.rank <= limit)
    statement = sa.select(*chosen.expressions).where(columns[table.key].in_(kept)).order_by(*order)
    rows = session.connection.execute(statement).all()
    items = chosen.items(rows)
    for follow in followers:
        follow(rows, items)
    return zip((row[place] for row in rows), items, strict=True)

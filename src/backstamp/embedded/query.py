"""Answers queries: one statement for the rows, one more for each expanded navigation property."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import conditions, faults, paging, projection, records, statements, tree
from backstamp.embedded.conditions import Scope
from backstamp.embedded.paging import Position, SortKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from backstamp.embedded.metadata import ManyToMany, Relationship, Side, Table
    from backstamp.embedded.options import Expansion, Order, Query
    from backstamp.embedded.projection import Annotations, Projection
    from backstamp.embedded.store import Session

    Item = dict[str, Any]
    Expression = sa.ColumnElement[Any]
    Follow = Callable[[Sequence[Sequence[Any]], list[Item]], None]

COUNT_LIMIT = 5000
"""What counts of rows stop at."""
_CHILDREN_LIMIT = 5000


@dataclass(frozen=True)
class Reader:
    """Who reads, and how.

    Attributes:
        annotations: which annotations are wanted.
        root: the address of the API, with which the links in the answer begin.
        size: the most rows of a page.
        nested: whether an expansion holds another; then pages are cut in expanded collections, too.
    """

    session: Session
    annotations: Annotations
    root: str
    size: int
    nested: bool = False


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


def find(reader: Reader, table: Table, key: str, query: Query) -> Item:
    """Return the row with this key.

    Raises:
        Fault: there is none, or the query names what does not exist.
    """
    reader = _checked(reader, table, query)
    found = _by_key(reader, table, query, [key])
    if key not in found:
        raise faults.no_row(table.name, key)
    return found[key]


def page(reader: Reader, table: Table, query: Query) -> Page:
    """Return one page of the rows that fit the query; `$top` caps all pages together.

    Raises:
        Fault: the query names what does not exist, or its token is not ours.
    """
    reader = _checked(reader, table, query)
    chosen, followers, scope = _prepared(reader, table, query)
    keys = _sort_keys(scope, query.orderby)
    places = [chosen.need(key.expression) for key in keys]
    wheres = _wheres(scope, query)
    position = paging.resume(query.skip, keys) if query.skip else Position(left=query.top)
    limit = reader.size if position.left is None else min(reader.size, position.left)
    # One row more than the page holds tells whether there is another page.
    statement = sa.select(*chosen.expressions).where(*wheres, *paging.after(keys, position))
    ordered = statement.order_by(*(key.order for key in keys)).limit(limit + 1)
    rows = statements.rows(reader.session, ordered)
    kept = rows[:limit]
    items = chosen.items(kept)
    for follow in followers:
        follow(kept, items)
    skip = ""
    if len(rows) > limit and limit != position.left:
        left = None if position.left is None else position.left - limit
        skip = Position(tuple(kept[-1][place] for place in places), left).token
    return Page(items, skip, count(reader.session, table, query) if query.count else None)


def count(session: Session, table: Table, query: Query, limit: int = COUNT_LIMIT) -> int:
    """Return how many rows fit the filter, at most as many as the limit says."""
    scope = Scope(session, conditions.main_place(session, table.name))
    some = sa.select(sa.literal(1)).select_from(scope.main.sql).where(*_wheres(scope, query)).limit(limit).subquery()
    return int(statements.rows(session, sa.select(sa.func.count()).select_from(some))[0][0])


def _wheres(scope: Scope, query: Query) -> list[Expression]:
    return [conditions.condition(scope, query.filter)] if query.filter else []


def _sort_keys(scope: Scope, orderby: Sequence[Order]) -> list[SortKey]:
    """Return what to sort by; the primary key at the end makes every order total."""
    keys = [
        SortKey.of(conditions.resolve(scope, tree.Path(order.path)), descending=order.descending) for order in orderby
    ]
    return [*keys, SortKey.of_key(scope.main)]


def _prepared(reader: Reader, table: Table, query: Query) -> tuple[Projection, list[Follow], Scope]:
    """Return what the statement for a table selects, what follows it, and the scope of its names."""
    chosen = projection.project(reader.session, table, query.select, reader.annotations)
    followers = [_follower(reader, chosen, expansion) for expansion in query.expand]
    return chosen, followers, Scope(reader.session, conditions.main_place(reader.session, table.name))


def _checked(reader: Reader, table: Table, query: Query) -> Reader:
    """Refuse expansions that Dataverse does not answer, and tell the reader whether they are nested."""
    nested = any(expansion.query.expand for expansion in query.expand)
    if nested:
        _refuse_sorted_collections(reader.session, table, query.expand)
    return replace(reader, nested=nested)


def _refuse_sorted_collections(session: Session, table: Table, expand: Iterable[Expansion]) -> None:
    for expansion in expand:
        relationship, single = _end(session, table, expansion)
        if not single and {"$top", "$orderby"} & expansion.query.given:
            raise faults.bad_request("Nested expansions cannot have $top or $orderby on a collection.")
        target = relationship.referenced if single else relationship.referencing
        _refuse_sorted_collections(session, session.schema.tables[target], expansion.query.expand)


def _end(session: Session, table: Table, expansion: Expansion) -> tuple[Relationship, bool]:
    """Return the relationship of a navigation property, and whether it leads to a single row."""
    single = session.schema.navigations[table.name].get(expansion.navigation)
    relationship = single or session.schema.collections[table.name].get(expansion.navigation)
    if relationship is None:
        raise faults.unknown_property(expansion.navigation, table.name)
    return relationship, single is not None


def _follower(reader: Reader, chosen: Projection, expansion: Expansion) -> Follow:
    """Return what puts the rows at the end of a navigation property into the objects of a page."""
    associations = reader.session.schema.associations[chosen.place.table.name]
    if expansion.navigation in associations:
        return _tied(reader, chosen.place.table, associations[expansion.navigation], expansion)
    relationship, single = _end(reader.session, chosen.place.table, expansion)
    if single:
        return _single(reader, chosen, relationship, expansion)
    if expansion.reference:
        raise faults.bad_request("Only single-valued navigation properties can be expanded with $ref.")
    return _several(reader, chosen.place.table, relationship, expansion)


def _single(reader: Reader, chosen: Projection, relationship: Relationship, expansion: Expansion) -> Follow:
    target = reader.session.schema.tables[relationship.referenced]
    place = chosen.need(chosen.place.sql.c[relationship.column])

    def follow(rows: Sequence[Sequence[Any]], items: list[Item]) -> None:
        keys = list({row[place] for row in rows} - {None})
        found = _by_key(reader, target, expansion.query, keys)
        if expansion.reference:
            found = {key: {odata.ROW_ID: f"{reader.root}{target.entity_set}({key})"} for key in found}
        for row, item in zip(rows, items, strict=True):
            item[expansion.navigation] = found.get(row[place])

    return follow


def _by_key(reader: Reader, table: Table, query: Query, keys: Sequence[str]) -> dict[str, Item]:
    chosen, followers, _ = _prepared(reader, table, query)
    key = chosen.place.sql.c[table.key]
    found: dict[str, Item] = {}
    for chunk in records.chunks(keys):
        rows = statements.rows(reader.session, sa.select(*chosen.expressions).where(key.in_(chunk)))
        items = chosen.items(rows)
        for follow in followers:
            follow(rows, items)
        found.update((item[table.key], item) for item in items)
    return found


def _tied(reader: Reader, table: Table, association: tuple[ManyToMany, Side, Side], expansion: Expansion) -> Follow:
    """Return what puts the rows of a many-to-many relationship into the objects of a page."""
    relationship, near, far = association
    if {"$filter", "$orderby", "$top"} & expansion.query.given:
        raise faults.bad_request("Expansions of a many-to-many relationship take $select and $expand only.")
    target = reader.session.schema.tables[far.table]
    pairs = reader.session.schema.sql[relationship.intersect].c

    def follow(_rows: Sequence[Sequence[Any]], items: list[Item]) -> None:
        tied: dict[str, list[str]] = defaultdict(list)
        for chunk in records.chunks([item[table.key] for item in items]):
            statement = sa.select(pairs[near.column], pairs[far.column]).where(pairs[near.column].in_(chunk))
            for here, there in reader.session.connection.execute(statement):
                tied[here].append(there)
        found = _by_key(reader, target, expansion.query, list({key for keys in tied.values() for key in keys}))
        for item in items:
            item[expansion.navigation] = [found[key] for key in tied[item[table.key]] if key in found]

    return follow


def _several(reader: Reader, table: Table, relationship: Relationship, expansion: Expansion) -> Follow:
    def follow(_rows: Sequence[Sequence[Any]], items: list[Item]) -> None:
        children: dict[str, list[Item]] = defaultdict(list)
        tokens: dict[str, str] = {}
        for chunk in records.chunks([item[table.key] for item in items]):
            for parent, child, token in _children(reader, relationship, expansion.query, chunk):
                if token:
                    tokens[parent] = token
                else:
                    children[parent].append(child)
        for item in items:
            parent = item[table.key]
            item[expansion.navigation] = children[parent]
            if not reader.nested or parent in tokens:
                link = _children_link(reader, table, parent, expansion, tokens.get(parent, ""))
                item[expansion.navigation + odata.NEXT_LINK] = link

    return follow


def _children_link(reader: Reader, table: Table, parent: str, expansion: Expansion, token: str) -> str:
    """Return the address of one row's collection: from a token on, or, as Dataverse tells it, from the start."""
    options = [*expansion.options, *([(odata.SKIP_TOKEN, token)] if token else [])]
    query = "&".join(f"{name}={quote(value, safe='$,()')}" for name, value in options)
    path = f"{table.entity_set}({parent})/{expansion.navigation}"
    return f"{reader.root}{path}?{query}" if query else f"{reader.root}{path}"


def _children(
    reader: Reader, relationship: Relationship, query: Query, parents: Sequence[str]
) -> Iterable[tuple[str, Item, str]]:
    """Give the rows that point to these parents, each with its parent and "".

    Of every parent at most a page; where more follow, the last is given once more, with the token to go on from.
    """
    table = reader.session.schema.tables[relationship.referencing]
    chosen, followers, scope = _prepared(reader, table, query)
    columns = chosen.place.sql.c
    link = columns[relationship.column]
    parent = chosen.need(link)
    keys = _sort_keys(scope, query.orderby)
    places = [chosen.need(key.expression) for key in keys]
    order = [key.order for key in keys]
    rank = sa.func.row_number().over(partition_by=link, order_by=order).label("rank")
    ranked = sa.select(columns[table.key].label("id"), rank).where(link.in_(parents), *_wheres(scope, query)).subquery()
    size = min(reader.size, _CHILDREN_LIMIT) if reader.nested else _CHILDREN_LIMIT
    limit = size if query.top is None else min(query.top, size)
    place = chosen.need(ranked.c.rank)
    joined = chosen.place.sql.join(ranked, ranked.c.id == columns[table.key])
    kept = sa.select(*chosen.expressions).select_from(joined).where(ranked.c.rank <= limit + 1).order_by(*order)
    rows = statements.rows(reader.session, kept)
    last = {row[parent] for row in rows if row[place] > limit}
    rows = [row for row in rows if row[place] <= limit]
    items = chosen.items(rows)
    for follow in followers:
        follow(rows, items)
    for row, item in zip(rows, items, strict=True):
        yield row[parent], item, ""
        if row[place] == limit and limit != query.top and row[parent] in last:
            yield row[parent], item, Position(tuple(row[each] for each in places)).token

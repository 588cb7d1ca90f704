"""The routes of many-to-many relationships: `accounts(8f3c…)/new_account_contact/$ref` ties two rows, or parts them.

The pairs are rows of an intersect table, which has a lookup to each side; with either row its pairs go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import faults, options, records, rows, tree
from backstamp.embedded.request import Response, Segment, reference

if TYPE_CHECKING:
    from backstamp.embedded.metadata import ManyToMany, Side, Table
    from backstamp.embedded.request import Request
    from backstamp.embedded.store import Session


_PAIR = "pair"
"""What the condition calls a row of the intersect table."""


@dataclass(frozen=True)
class _Here:
    """A row and one of its many-to-many relationships, seen from this row."""

    relationship: ManyToMany
    key: str
    near: Side
    far: Side


def answer(session: Session, request: Request, table: Table, key: str, rest: list[Segment]) -> Response:
    """Answer what stands below a row under the name of a many-to-many relationship.

    Raises:
        Fault: the path leads nowhere, or a row is missing.
    """
    relationship, near, far = session.schema.associations[table.name][rest[0].name]
    here = _Here(relationship, key, near, far)
    if not records.existing(session, table, [key]):
        raise faults.no_row(table.name, key)
    other = session.schema.tables[far.table]
    match request.method, rest:
        case "GET", [Segment(key=None)]:
            return rows.listed(session, request, other, _narrowed(session, request, here))
        case "POST" | "PUT", [Segment(key=None), Segment("$ref", None)]:
            address = str(request.json_object().get(odata.ROW_ID, ""))
            return _tie(session, here, rows.key_of(session, other, _named(other, address)))
        case "DELETE", [Segment(key=None), Segment("$ref", None)]:
            address = dict(options.pairs(request.query)).get("$id", "")
            return _part(session, here, rows.key_of(session, other, _named(other, address)))
        case "DELETE", [segment, Segment("$ref", None)]:
            return _part(session, here, rows.key_of(session, other, segment))
    raise faults.unknown_path(request.path)


def _narrowed(session: Session, request: Request, here: _Here) -> options.Query:
    """Return the query of the request, narrowed to the rows that are tied to this one."""
    asked = options.parse(request.query)
    this = tree.Comparison("eq", tree.Path((odata.lookup_property(here.near.column),), _PAIR), tree.Value(here.key))
    key = tree.Path((session.schema.tables[here.far.table].key,))
    tied = tree.Linked(_PAIR, here.relationship.intersect, odata.lookup_property(here.far.column), key, this)
    return replace(asked, filter=tree.both(tied, asked.filter))


def _named(table: Table, address: str) -> Segment:
    segment = reference(address)
    if segment.name != table.entity_set:
        raise faults.bad_request(f"'{address}' does not refer to a row of '{table.entity_set}'.")
    return segment


def _pairs(session: Session, here: _Here) -> sa.ColumnElement[bool]:
    columns = session.schema.sql[here.relationship.intersect].c
    pairs: sa.ColumnElement[bool] = columns[here.near.column] == here.key
    return pairs


def _tied(session: Session, here: _Here) -> list[str]:
    columns = session.schema.sql[here.relationship.intersect].c
    return list(session.connection.scalars(sa.select(columns[here.far.column]).where(_pairs(session, here))))


def _tie(session: Session, here: _Here, other: str) -> Response:
    """Tie two rows; that they are tied already is no mistake."""
    if other not in _tied(session, here):
        intersect = session.schema.tables[here.relationship.intersect]
        sides = {here.near: here.key, here.far: other}
        body = {
            f"{side.column}{odata.BIND}": f"{session.schema.tables[side.table].entity_set}({key})"
            for side, key in sides.items()
        }
        records.create(session, intersect, [body])
    return Response()


def _part(session: Session, here: _Here, other: str) -> Response:
    intersect = session.schema.tables[here.relationship.intersect]
    columns = session.schema.sql[intersect.name].c
    statement = sa.select(columns[intersect.key]).where(_pairs(session, here), columns[here.far.column] == other)
    found = list(session.connection.scalars(statement))
    if not found:
        raise faults.no_row(here.far.table, other)
    records.delete(session, intersect, found)
    return Response()

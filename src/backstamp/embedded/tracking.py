"""Change tracking: what changed in a table since a token (dataverse-webapi.md 5).

A token is a row version and the time it was given. Its version is the last one that the first page could see; what is
written while a client turns pages has a higher one and comes with the next delta. So nothing is missed, and a row may
come twice.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from backstamp import odata
from backstamp.embedded import database, faults, projection, tokens

if TYPE_CHECKING:
    from collections.abc import Collection

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.options import Query
    from backstamp.embedded.projection import Annotations, Projection
    from backstamp.embedded.store import Session

    Item = dict[str, Any]
    _Read = tuple[list[Item], list[str], "_Position | None"]

_TOKEN_TIME = "%m/%d/%Y %H:%M:%S"  # noqa: S105 - how the token spells its time
_REFUSED = ("$filter", "$orderby", "$expand", "$top")
# Readers in the middle of a delta still need the tombstones that its token gave a right to.
_GRACE = dt.timedelta(days=1)


@dataclass(frozen=True)
class TrackedPage:
    """Rows as JSON objects, ids of deleted rows, and the next page's token or, on the last page, the next delta's."""

    items: list[Item]
    deleted: list[str]
    skip: str = ""
    delta: str = ""


@dataclass(frozen=True)
class _Position:
    """Where a reader is.

    Attributes:
        since: changes up to this version are known to it; None in the first, full read.
        until: the version that the token it is going to get stands for.
        given: when that token was given out, that is when the first page was read.
        key: the last key of a full read so far.
        version: the last version of a delta so far.
        deletions: whether the delta has come to its deletions.
    """

    since: int | None
    until: int
    given: str
    key: str = ""
    version: int = 0
    deletions: bool = False

    @property
    def token(self) -> str:
        return f"{self.until}!{odata.parse_time(self.given).strftime(_TOKEN_TIME)}"


_POSITION = TypeAdapter(_Position)


def page(session: Session, table: Table, query: Query, size: int, annotations: Annotations) -> TrackedPage:
    """Return one page of all rows, or of what changed since the token.

    Raises:
        Fault: the table is not tracked, an option does not go with tracking, or the token has expired.
    """
    if not table.tracks_changes:
        raise faults.bad_request(f"Change tracking is not enabled for the entity '{table.name}'.")
    for option in _REFUSED:
        if option in query.given:
            message = f'The "${option[1:]}" query parameter isn\'t supported when Change Tracking is enabled.'
            raise faults.bad_request(message)
    position = _position(session, table, query)
    chosen = projection.project(session, table, query.select, annotations)
    read = _full if position.since is None else _delta
    items, deleted, rest = read(session, chosen, position, size)
    if rest is None:
        return TrackedPage(items, deleted, delta=position.token)
    return TrackedPage(items, deleted, skip=tokens.write(asdict(rest)))


def _position(session: Session, table: Table, query: Query) -> _Position:
    if query.skip:
        return _resumed(session, query.skip)
    since = _since(session, table, query.delta) if query.delta else None
    return _Position(since, until=session.version, given=session.now, version=since or 0)


def _resumed(session: Session, token: str) -> _Position:
    """Read the position out of the token of a next link; one that we cannot have written is refused."""
    try:
        position = _POSITION.validate_python(tokens.read(token))
        odata.parse_time(position.given)
    except ValueError as error:  # ValidationError is one, too
        raise faults.bad_request("The $skiptoken does not belong to this query.") from error
    versions = (position.since or 0, position.until, position.version)
    known = all(0 <= version <= session.version for version in versions)
    if not known or not (position.key == "" or odata.is_guid(position.key)):
        raise faults.bad_request("The $skiptoken does not belong to this query.")
    return position


def _since(session: Session, table: Table, token: str) -> int:
    """Return the version of a token that can still be used."""
    version, _, time = token.partition("!")
    try:
        since = int(version)
        given = dt.datetime.strptime(time, _TOKEN_TIME).replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise faults.bad_request("The $deltatoken is malformed.") from error
    age = odata.parse_time(session.now) - given
    too_old = age > dt.timedelta(days=session.settings.delta_days)
    changed = session.settings.expire_on_metadata_change and since < table.changed_in
    # A version that was never given out comes from another database, or from before a backup was restored.
    if too_old or changed or since > session.version:
        raise faults.expired_delta(session.settings.expired_delta_status)
    return since


def _full(session: Session, chosen: Projection, position: _Position, size: int) -> _Read:
    """Read all rows in the order of their keys."""
    table = chosen.place.table
    key = chosen.place.sql.c[table.key]
    statement = sa.select(*chosen.expressions).where(key > position.key).order_by(key).limit(size + 1)
    rows = session.connection.execute(statement).all()
    items = chosen.items(rows[:size])
    return items, [], replace(position, key=items[-1][table.key]) if len(rows) > size else None


def _delta(session: Session, chosen: Projection, position: _Position, size: int) -> _Read:
    """Read new and changed rows in the order of their versions, and after them the deletions."""
    if position.deletions:
        return [], *_deletions(session, chosen, position, size)
    version = chosen.place.sql.c.versionnumber
    place = chosen.need(version)
    new = sa.and_(version > position.version, version <= position.until)
    statement = sa.select(*chosen.expressions).where(new).order_by(version).limit(size + 1)
    rows = session.connection.execute(statement).all()
    items = chosen.items(rows[:size])
    if len(rows) > size:
        return items, [], replace(position, version=rows[size - 1][place])
    begin = replace(position, deletions=True, version=position.since or 0)
    return items, *_deletions(session, chosen, begin, size - len(items))


def _deletions(
    session: Session, chosen: Projection, position: _Position, size: int
) -> tuple[list[str], _Position | None]:
    table = chosen.place.table
    stones = database.tombstones.c
    # A row that was made again with its old key is told as a row, not as a deletion.
    alive = sa.exists().where(chosen.place.sql.c[table.key] == stones.id)
    new = sa.and_(stones.table_name == table.name, stones.version > position.version, stones.version <= position.until)
    statement = sa.select(stones.id, stones.version).where(new, ~alive).order_by(stones.version).limit(size + 1)
    rows = session.connection.execute(statement).all()
    deleted = [row.id for row in rows[:size]]
    if len(rows) <= size:
        return deleted, None
    return deleted, replace(position, version=rows[size - 1].version if size else position.version)


def bury(session: Session, table: Table, keys: Collection[str]) -> None:
    """Remember that rows were deleted, and forget deletions that no token can ask for any more."""
    buried = [
        {"table_name": table.name, "version": version, "id": key, "deletedon": session.now}
        for version, key in enumerate(sorted(keys), start=session.reserve(len(keys)))
    ]
    session.connection.execute(database.tombstones.insert(), buried)
    kept_for = dt.timedelta(days=session.settings.delta_days) + _GRACE
    limit = odata.format_time(odata.parse_time(session.now) - kept_for)
    session.connection.execute(sa.delete(database.tombstones).where(database.tombstones.c.deletedon < limit))

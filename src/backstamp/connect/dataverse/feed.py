"""Pages of rows as typed Arrow batches, and the token where the next read goes on; nothing here talks to anyone."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from backstamp import errors, odata
from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backstamp.connect.dataverse import metadata


_GIVEN = re.compile(r"deltatoken=\d+!(\d\d)/(\d\d)/(\d{4})")


@dataclass(frozen=True)
class Bookmark:
    """Where a feed goes on: an address below the service root, good for these columns of this organization.

    `types` are those of the columns, as their metadata were when the feed began; none where nobody noted them.
    """

    organization: str
    columns: tuple[str, ...]
    address: str
    types: tuple[str, ...] = ()

    def token(self) -> str:
        """Spell it as the text that is kept between reads."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Reading:
    """What is read: the rows' schema (key first), and the property on the wire for each of its columns.

    Attributes:
        table: the table's name.
        schema: of the batches.
        properties: on the wire, in the order of the schema.
        organization: the id of the organization that is read from.
    """

    table: str
    schema: pa.Schema
    properties: tuple[str, ...]
    organization: str

    @property
    def needs_exact_numbers(self) -> bool:
        """Whether binary floating point would lose digits of some column."""
        return any(pa.types.is_decimal(kind) for kind in self.schema.types)


def reading(table: metadata.Table, columns: Sequence[str], organization: str) -> Reading:
    """Plan to read the key and these columns of a table; raise `SourceError` where it lacks one."""
    try:
        schema = table.schema(columns)
    except KeyError as error:
        raise errors.SourceError(
            f"The table {table.definition.name} has no column {error.args[0]!r} that can be read: correct its name in"
            " the project file."
        ) from error
    names = tuple(table.wire_name(name) for name in schema.names)
    return Reading(table.definition.name, schema, names, organization)


def resume(token: str, wanted: Reading) -> str:
    """Return the address where a feed goes on.

    Raises:
        FeedEndedError: the token is of other columns, another organization, or none of ours.
    """
    bookmark = _kept(token, wanted.table)
    if bookmark.organization != wanted.organization:
        raise errors.FeedEndedError(f"{wanted.table} was read from another organization before: read it in full.")
    if difference := _difference(bookmark.columns, wanted.schema.names):
        raise errors.FeedEndedError(f"{difference} for {wanted.table}: read it in full.")
    types = dict(zip(wanted.schema.names, map(str, wanted.schema.types), strict=True))
    known = zip(bookmark.columns, bookmark.types, strict=False)
    if changed := sorted(name for name, kind in known if types[name] != kind):
        raise errors.FeedEndedError(f"Columns of {wanted.table} changed type ({', '.join(changed)}): read it in full.")
    return bookmark.address


def columns_of(token: str, table: str) -> tuple[str, ...]:
    """Return the columns that a token of a table is good for; raise `FeedEndedError` where it is none of ours."""
    return _kept(token, table).columns


def _kept(token: str, table: str) -> Bookmark:
    try:
        kept = json.loads(token)
        return Bookmark(kept["organization"], tuple(kept["columns"]), kept["address"], tuple(kept.get("types", ())))
    except (ValueError, KeyError, TypeError) as error:
        raise errors.FeedEndedError(f"The kept token of {table} cannot be read: read it in full.") from error


def read_page(page: Mapping[str, Any], wanted: Reading) -> tuple[ports.Change, str | None]:
    """Return the rows and deletions of a page, and the address of the next page, or None after the last.

    Raises:
        SourceError: a value is not of the type that the table's metadata name.
    """
    deleted = [row for row in page["value"] if _is_deletion(row)]
    rows = [row for row in page["value"] if not _is_deletion(row)] if deleted else page["value"]
    columns = zip(wanted.properties, wanted.schema.types, strict=True)
    arrays = [_array(rows, name, kind, wanted.table) for name, kind in columns]
    delta = page.get(odata.DELTA_LINK)
    bookmark = _bookmark(delta, wanted) if delta else None
    change = ports.Change(
        rows=pa.RecordBatch.from_arrays(arrays, schema=wanted.schema),
        deleted=tuple(odata.record_id(row["id"]) for row in deleted),
        token=bookmark.token() if bookmark else None,
    )
    following = page.get(odata.NEXT_LINK)
    return change, below_root(following) if following else None


def _bookmark(link: str, wanted: Reading) -> Bookmark:
    types = tuple(map(str, wanted.schema.types))
    return Bookmark(wanted.organization, tuple(wanted.schema.names), below_root(link), types)


def why_ended(address: str, now: dt.datetime, days: int | None) -> str:
    """Say why the service could not go on from a token.

    Args:
        address: where the feed was to go on; Dataverse's tokens tell when they were given out.
        now: the time.
        days: for how many days the organization keeps changes; None where it does not tell.
    """
    told = _GIVEN.search(unquote(address))
    if told is None or days is None:
        return "because its token is too old or the table's definition changed"
    month, day, year = map(int, told.groups())
    age = (now.date() - dt.date(year, month, day)).days
    if age >= days:
        return f"because its token is {age} days old and the organization keeps changes for {days}"
    return "because the table's definition changed"


def below_root(link: str) -> str:
    """Return a link as an address below the service root, so that a token never follows one to another host."""
    return link.partition(odata.API_PATH)[2] or link


def _is_deletion(row: Mapping[str, Any]) -> bool:
    return str(row.get(odata.CONTEXT, "")).endswith(odata.DELETED_ENTITY)


def _difference(before: Sequence[str], now: Sequence[str]) -> str:
    added = sorted(set(now) - set(before))
    removed = sorted(set(before) - set(now))
    parts = [f"columns were added ({', '.join(added)})"] if added else []
    parts += [f"columns were removed ({', '.join(removed)})"] if removed else []
    return " and ".join(parts).capitalize()


def _array(rows: Sequence[Mapping[str, Any]], name: str, kind: pa.DataType, table: str) -> pa.Array[Any]:
    values = [row.get(name) for row in rows]
    try:
        if pa.types.is_temporal(kind):
            return pa.array(values, pa.string()).cast(kind)
        if pa.types.is_decimal(kind):
            return pa.array([None if value is None else str(value) for value in values], pa.string()).cast(kind)
        if pa.types.is_floating(kind):
            return pa.array([None if value is None else float(value) for value in values], kind)
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise errors.SourceError(
            f"The table {table} gave a value of {name} that is no {kind}, though its metadata say so."
        ) from error

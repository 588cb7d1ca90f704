"""The routes of columns that keep files: `contacts(8f3c…)/new_photo` takes one, whole or in pieces.

The column itself holds the file's id. Pieces wait under the token of their upload until the last one is there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from uuid import uuid4

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import column_security, database, faults, options, records
from backstamp.embedded.request import Response, Segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp.embedded.metadata import Column, Table
    from backstamp.embedded.request import Request
    from backstamp.embedded.store import Session

_files = sa.Table(
    "_file",
    database.internal,
    sa.Column("id", database.text(36), primary_key=True),
    sa.Column("name", database.text(), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
_pieces = sa.Table(
    "_piece",
    database.internal,
    sa.Column("upload", database.text(36), primary_key=True),
    sa.Column("start", sa.BigInteger, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
_PIECE_SIZE = 4 * 1024 * 1024
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)
_NO_NAME = "file"


def answer(session: Session, request: Request, table: Table, key: str, rest: list[Segment]) -> Response:
    """Answer what stands below a row under the name of a file column.

    Raises:
        Fault: the path leads nowhere, the row is missing, or the file is too large.
    """
    column = table.by_name[rest[0].name]
    if not records.existing(session, table, [key]):
        raise faults.no_row(table.name, key)
    match request.method, [segment.name for segment in rest[1:]]:
        case "GET", ["$value"]:
            return _read(session, table, key, column)
        case "DELETE", []:
            records.write(session, table, {table.key: key, column.name: None})
            return Response()
        case "PATCH" | "PUT", []:
            return _write(session, request, table, key, column)
    raise faults.unknown_path(request.path)


def _read(session: Session, table: Table, key: str, column: Column) -> Response:
    seen = column_security.visible(session, table.name)
    rows = seen.c
    statement = sa.select(_files).join(seen, rows[column.name] == _files.c.id)
    found = session.connection.execute(statement.where(rows[table.key] == key)).first()
    if found is None:
        raise faults.Fault(404, odata.NOT_FOUND, f"No file is kept in '{column.name}' of this row.")
    headers = ((odata.FILE_NAME, quote(found.name)), ("x-ms-file-size", str(len(found.content))))
    return Response(200, headers, found.content, odata.BINARY)


def _write(session: Session, request: Request, table: Table, key: str, column: Column) -> Response:
    given = dict(options.pairs(request.query))
    name = unquote(request.headers.get(odata.FILE_NAME, "")) or given.get(odata.FILE_NAME) or _NO_NAME
    if request.headers.get("x-ms-transfer-mode") == "chunked":
        address = f"{request.root}{table.entity_set}({key})/{column.name}"
        token = f"{uuid4()}"
        location = f"{address}?{odata.FILE_NAME}={quote(name)}&sessiontoken={token}"
        return Response(200, ((odata.LOCATION, location), ("x-ms-chunk-size", str(_PIECE_SIZE))))
    content: bytes | None = request.body
    if "sessiontoken" in given:
        content = _whole(session, request, given, column)
    if content is None:
        return Response(206)
    _refuse_large(column, len(content))
    identity = str(uuid4())
    session.connection.execute(_files.insert().values(id=identity, name=name, content=content))
    records.write(session, table, {table.key: key, column.name: identity})
    _forget_unused(session)
    return Response()


def _whole(session: Session, request: Request, given: Mapping[str, str], column: Column) -> bytes | None:
    """Keep a piece; return the whole file once the last piece is there."""
    found = _RANGE.fullmatch(request.headers.get("content-range", ""))
    upload = given["sessiontoken"].lower()
    if found is None or not odata.is_guid(upload):
        raise faults.bad_request("A piece of a file needs its Content-Range and the token of its upload.")
    start, end, size = (int(each) for each in found.groups())
    _refuse_large(column, size)
    if end - start + 1 != len(request.body) or end >= size:
        raise faults.bad_request("The Content-Range does not fit the piece of the file.")
    ours = _pieces.c.upload == upload
    session.connection.execute(sa.delete(_pieces).where(ours, _pieces.c.start == start))
    session.connection.execute(_pieces.insert().values(upload=upload, start=start, content=request.body))
    if end + 1 < size:
        return None
    pieces = session.connection.scalars(sa.select(_pieces.c.content).where(ours).order_by(_pieces.c.start))
    content = b"".join(pieces)
    session.connection.execute(sa.delete(_pieces).where(ours))
    if len(content) != size:
        raise faults.bad_request("Pieces of the file are missing.")
    return content


def _refuse_large(column: Column, size: int) -> None:
    if column.max_length is not None and size > column.max_length * 1024:
        raise faults.Fault(413, "", f"A file in '{column.name}' can have at most {column.max_length} kilobytes.")


def _forget_unused(session: Session) -> None:
    """Forget files whose row has another one now, or is gone."""
    used = sa.union(
        *(
            sa.select(session.schema.sql[each.name].c[other.name])
            for each in session.schema.tables.values()
            for other in each.columns
            if other.is_file
        )
    ).subquery()
    session.connection.execute(sa.delete(_files).where(~sa.exists().where(used.c[0] == _files.c.id)))

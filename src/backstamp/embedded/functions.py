"""What else can be asked of the CRM as a whole: how many rows there are, and which messages a table knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import definitions, faults, metadata, options
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.embedded.request import Request, Segment
    from backstamp.embedded.store import Session

_NAME = re.compile(r"""['"](\w+)['"]""", re.ASCII)
_MESSAGES = ("Create", "CreateMultiple", "Delete", "Retrieve", "RetrieveMultiple", "Update", "UpdateMultiple")


def total_record_count(session: Session, request: Request, segment: Segment) -> Response:
    """Answer `RetrieveTotalRecordCount(EntityNames=['contact'])`; the counts are of this moment.

    Raises:
        Fault: no table is named, or one that does not exist.
    """
    given = dict(options.pairs(request.query))
    text = given.get(segment.key or "", segment.key or "")
    names = _NAME.findall(text) if segment.key_name == "EntityNames" else []
    if not names or any(name not in session.schema.tables for name in names):
        raise faults.bad_request("EntityNames must be a list of names of tables.")
    counts = [
        session.connection.scalar(sa.select(sa.func.count()).select_from(session.schema.sql[name])) for name in names
    ]
    kind = odata.type_name("EntityRecordCountCollection")
    collection = {odata.TYPE: f"#{kind}", "Count": len(names), "IsReadOnly": False, "Keys": names, "Values": counts}
    context = f"{request.root}$metadata#{odata.type_name('RetrieveTotalRecordCountResponse')}"
    return Response.json({odata.CONTEXT: context, "EntityRecordCountCollection": collection})


def message_filters(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `GET sdkmessagefilters`: which messages each table knows; a client probes for the bulk actions."""
    found = definitions.answer(_message_filters(session), options.parse(request.query))
    return Response.json({odata.CONTEXT: f"{request.root}$metadata#{odata.MESSAGE_FILTERS}", "value": found})


def _message_filters(session: Session) -> Iterator[dict[str, object]]:
    for table in session.schema.tables:
        for message in _MESSAGES:
            yield {
                "sdkmessagefilterid": metadata.well_known_id(f"{message} of {table}"),
                "primaryobjecttypecode": table,
                "sdkmessageid": {"name": message},
            }

"""What else can be asked of the CRM as a whole: which messages a table knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp import odata
from backstamp.embedded import definitions, metadata, options
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.embedded.request import Request, Segment
    from backstamp.embedded.store import Session

_MESSAGES = ("Create", "Delete", "Retrieve", "RetrieveMultiple", "Update")
_BULK_MESSAGES = (odata.CREATE_MULTIPLE, odata.UPDATE_MULTIPLE)  # UpsertMultiple is never listed


def message_filters(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `GET sdkmessagefilters`: which messages each table knows; a client probes for the bulk actions."""
    found = definitions.answer(_message_filters(session), options.parse(request.query))
    return Response.json({odata.CONTEXT: f"{request.root}$metadata#{odata.MESSAGE_FILTERS}", "value": found})


def _message_filters(session: Session) -> Iterator[dict[str, object]]:
    for table in session.schema.tables:
        for message in (*_MESSAGES, *(_BULK_MESSAGES if takes_bulk(session, table) else ())):
            yield {
                "sdkmessagefilterid": metadata.well_known_id(f"{message} of {table}"),
                "primaryobjecttypecode": table,
                "sdkmessageid": {"name": message},
            }


def takes_bulk(session: Session, table: str) -> bool:
    """Tell whether a table takes bulk messages, as all do but those of the settings."""
    return table not in session.settings.tables_without_bulk

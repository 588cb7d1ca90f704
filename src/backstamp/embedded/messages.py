"""Which tables take which bulk messages, asked as Dataverse's documentation says (dataverse-webapi.md 6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from backstamp import odata
from backstamp.embedded import faults, metadata
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from backstamp.embedded.request import Request
    from backstamp.embedded.store import Session

_FILTER = "sdkmessageid/name eq @m and primaryobjecttypecode eq @t"
_LISTED = frozenset({odata.CREATE_MULTIPLE, odata.UPDATE_MULTIPLE})  # UpsertMultiple is never listed


def filters(session: Session, request: Request) -> Response:
    """Answer `GET sdkmessagefilters` with one row where the table takes the message, and none where it does not.

    Raises:
        Fault: it is asked in another form.
    """
    given = {name: values[0] for name, values in parse_qs(request.query).items()}
    if given.get("$filter") != _FILTER:
        raise faults.bad_request(f"sdkmessagefilters can only be asked for one message of one table: {_FILTER}.")
    message, table = (given.get(name, "").strip("'") for name in ("@m", "@t"))
    known = message in _LISTED and table in session.schema.tables and takes_bulk(session, table)
    row = {"sdkmessagefilterid": metadata.well_known_id(f"{message}/{table}")}
    context = f"{request.root}$metadata#{odata.MESSAGE_FILTERS}"
    return Response.json({odata.CONTEXT: context, "value": [row] if known else []})


def takes_bulk(session: Session, table: str) -> bool:
    """Tell whether a table takes bulk messages, as all do but those of the settings."""
    return table not in session.settings.tables_without_bulk

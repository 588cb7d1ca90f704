"""What an account can do in an organization, found out without writing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp import errors, odata
from backstamp.connect import ports
from backstamp.connect.dataverse import rights, writing

if TYPE_CHECKING:
    from backstamp.connect.dataverse import metadata, session

_DEFINITIONS = {
    "tables": rights.CREATE_TABLE,
    "columns": rights.CREATE_COLUMN,
    "relationships": rights.CREATE_RELATIONSHIP,
}


def may_create(held: rights.Rights | None) -> dict[str, bool | None]:
    """Return what definitions the account may make, None where the service does not tell."""
    return {name: held.has(privilege) if held else None for name, privilege in _DEFINITIONS.items()}


def access(table: metadata.Table, held: rights.Rights | None, writer: writing.Writer) -> ports.Access:
    """Return what the account can do with a table that is there."""

    def reaches(right: rights.Right) -> str | None:
        return held.depth(right, table) if held else None

    return ports.Access(
        table=table.definition.name,
        key=table.definition.key,
        tracks_changes=table.definition.tracks_changes,
        in_bulk=writer.way(table, odata.UPDATE_MULTIPLE) is writing.Way.BULK,
        read=reaches(rights.Right.READ),
        write=reaches(rights.Right.WRITE),
        append=reaches(rights.Right.APPEND),
        append_to=reaches(rights.Right.APPEND_TO),
    )


def user_name(requests: session.Session, user: str) -> str:
    """Return what a user is called, "" where we may not know."""
    try:
        answer = requests.get(f"systemusers({user})", "say who we are", parameters={"$select": "fullname"})
    except (errors.RefusedError, errors.UnauthorizedError):
        return ""
    return str(answer.json().get("fullname") or "")

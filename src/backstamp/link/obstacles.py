"""What keeps our account from linking the rows of tables, found out before anything is written (linking.md 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp.link import desired
from backstamp.link.eligibility import Obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backstamp.connect import ports
    from backstamp.link.settings import Link

_WHOLE = "Global"
_PRIVILEGES = {"columns": "prvCreateAttribute", "relationships": "prvCreateRelationship"}


def obstacles(sink: ports.Sink, settings: Link, tables: Sequence[str]) -> dict[str, tuple[Obstacle, ...]]:
    """Return what is in the way of links, by tables as the environment names them; nothing is written.

    Raises:
        EnvironmentServiceError: the environment refused or did not answer.
    """
    profile = desired.profile_table(settings)
    found = sink.inspect([*tables, profile])
    missing = [privilege for what, privilege in _PRIVILEGES.items() if found.may_create.get(what) is False]
    of_profiles = next(access for access in found.tables if access.table == profile)
    told = {}
    for access in found.tables:
        if access is not of_profiles:
            column = sink.define(access.table).column(desired.lookup_name(settings))
            in_the_way = [*_of_column(settings, access.table, column, missing), *_of_rights(access, of_profiles)]
            told[access.table] = tuple(in_the_way)
    return told


def _of_column(settings: Link, table: str, column: ports.Column | None, missing: Sequence[str]) -> Iterator[Obstacle]:
    name = f"{table}.{desired.lookup_name(settings)}"
    if column is None and missing:
        yield Obstacle(
            "column",
            f"Our account may not make the column {name}: give its role {' and '.join(missing)} (System Customizer has"
            f" them), or have an administrator make the column by hand: {_by_hand(settings, table)}. The next run links"
            " the table then.",
        )
    elif column is not None and column.lookup_to != desired.profile_table(settings):
        yield Obstacle(
            "column",
            f"The column {name} is in the environment already, as {_kind(column)} where a lookup to"
            f" {desired.profile_table(settings)} is wanted: remove or rename it there, or choose another link.prefix.",
        )
    elif column is not None and (column.hidden or column.locked):
        what = [verb for verb, is_closed in (("read", column.hidden), ("write", column.locked)) if is_closed]
        yield Obstacle(
            "column",
            f"Column security does not let our account {' or '.join(what)} {name}: give its column security profile"
            " *Read* and *Update* on that column, or turn column security off for it.",
        )


def _by_hand(settings: Link, table: str) -> str:
    """Describe the column as the form for new columns asks for it (dataverse-webapi.md 2.2)."""
    profile, lookup = desired.profile_table(settings), desired.lookup_name(settings)
    asked = {
        "table": table,
        "display name": settings.display_name,
        "schema name": lookup,
        "data type": "Lookup",
        "related table": profile,
        "relationship name": f"{profile}_{table}_{lookup}",
        "type of behavior": "Referential, Remove Link",
    }
    return ", ".join(f"{what} {value}" for what, value in asked.items())


def _of_rights(access: ports.Access, of_profiles: ports.Access) -> Iterator[Obstacle]:
    asked = [("write", access.table, access.write), ("append", access.table, access.append)]
    if of_profiles.key:
        asked.append(("append to", of_profiles.table, of_profiles.append_to))
    for right, table, depth in asked:
        if depth is not None and depth != _WHOLE:
            yield Obstacle(
                "rights",
                f"Our account may not {right} every row of {table}: give its role that right at the level of the"
                " organization.",
            )


def _kind(column: ports.Column) -> str:
    return f"a lookup to {column.lookup_to}" if column.lookup_to else str(column.type)

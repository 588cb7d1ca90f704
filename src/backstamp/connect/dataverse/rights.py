"""What our account may do, as the service tells it (dataverse-webapi.md 8); nothing here talks to anyone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backstamp.connect.dataverse import metadata

WHOLE = "Global"
"""The depth of a privilege that is good for the rows of the whole organization."""
_DEPTHS = ("Basic", "Local", "Deep", WHOLE)
_WORDS = {
    "Basic": "its own rows",
    "Local": "the rows of its business unit",
    "Deep": "the rows of its business unit and those below",
}


class Right(StrEnum):
    """What can be done with the rows of a table."""

    READ = "Read"
    WRITE = "Write"
    APPEND = "Append"
    APPEND_TO = "AppendTo"


CREATE_COLUMN = "prvCreateAttribute"
CREATE_TABLE = "prvCreateEntity"
CREATE_RELATIONSHIP = "prvCreateRelationship"


@dataclass(frozen=True)
class Rights:
    """The privileges of an account: by name, in lower case, how far each reaches."""

    depths: Mapping[str, str]

    def depth(self, right: Right, table: metadata.Table) -> str:
        """Return how far a right to the rows of a table reaches, "" where the account has it not at all."""
        return self.depths.get(table.privilege(right).lower(), "")

    def has(self, privilege: str) -> bool:
        """Tell whether the account has a privilege, be it for some rows only."""
        return privilege.lower() in self.depths

    def sees_all(self, table: metadata.Table) -> bool:
        """Tell whether the account sees every row; of what it may not see the service says nothing."""
        return self.depth(Right.READ, table) in {WHOLE, ""}  # without any right it says no


def rights(privileges: Sequence[Mapping[str, Any]]) -> Rights | None:
    """Read `RolePrivileges`; None where they are not named, so that nothing can be known.

    An account has a privilege by several roles, or teams: the one that reaches furthest counts.
    """
    depths: dict[str, str] = {}
    for privilege in privileges:
        name, depth = str(privilege.get("PrivilegeName") or "").lower(), str(privilege.get("Depth"))
        if depth not in _DEPTHS:  # a right to some rows by a filter
            continue
        if not name:
            return None
        depths[name] = max(depths.get(name, ""), depth, key=lambda one: _DEPTHS.index(one) if one else -1)
    return Rights(depths)


@dataclass(frozen=True)
class Closed:
    """What column security keeps an account from: to read the values of a column, to change them."""

    hidden: bool
    locked: bool


def closed(attributes: Sequence[Mapping[str, Any]], privileges: Sequence[Mapping[str, Any]]) -> dict[str, Closed]:
    """Return, by their ids, what the account cannot do with the secured ones of these attributes.

    Args:
        attributes: as the service defines them.
        privileges: the `AttributePrivileges` of the account; of a column that is not among them it has none.
    """
    held = {each["AttributeId"]: each for each in privileges}
    secured = (each["MetadataId"] for each in attributes if each.get("IsSecured"))
    none: Mapping[str, Any] = {}
    return {
        one: Closed(hidden=not held.get(one, none).get("CanRead"), locked=not held.get(one, none).get("CanUpdate"))
        for one in secured
    }


def hidden(table: str, columns: Sequence[str], whose: str) -> str:
    """Say that column security hides columns from an account, and what to do about it."""
    return (
        f"Column security hides {', '.join(columns)} of {table} from {whose}: the values would seem to be gone. Give"
        " its column security profile *Read* on that, or turn column security off for it, and run again."
    )


def partial(table: str, depth: str, whose: str) -> str:
    """Say that an account sees a part of a table only, and what to do about it."""
    return (
        f"{whose} may read only a part of {table} ({_WORDS[depth]}): the others would seem to be deleted. Give its role"
        f" the right to read {table} at the level of the organization, and run again."
    )

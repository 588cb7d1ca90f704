"""What an account may do, as the service tells it."""

from __future__ import annotations

import pytest

from backstamp.connect import ports
from backstamp.connect.dataverse import metadata, rights

CONTACT = metadata.Table(ports.TableDefinition("contact", "contactid", ()), "contacts", frozenset(), {}, "Contact")
TASK = metadata.Table(
    ports.TableDefinition("task", "activityid", ()), "tasks", frozenset(), {}, "Task", {"Read": "prvReadActivity"}
)


def held(**depths: str) -> rights.Rights | None:
    """What an account with these privileges may do."""
    return rights.rights([{"PrivilegeName": name, "Depth": depth} for name, depth in depths.items()])


@pytest.mark.parametrize(("depth", "sees_all"), [("Basic", False), ("Local", False), ("Deep", False), ("Global", True)])
def test_part_of_a_table(depth: str, sees_all: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Only a right for the whole organization shows every row."""
    found = held(prvReadContact=depth)
    assert found is not None
    assert (found.depth(rights.Right.READ, CONTACT), found.sees_all(CONTACT)) == (depth, sees_all)


def test_several_roles() -> None:
    """Of a privilege held by several roles the one that reaches furthest counts, in any order."""
    both = [{"PrivilegeName": "prvReadContact", "Depth": depth} for depth in ("Global", "Basic")]
    for privileges in (both, both[::-1]):
        found = rights.rights(privileges)
        assert found is not None
        assert found.sees_all(CONTACT)


def test_privileges_of_activities() -> None:
    """A table whose privileges are called otherwise is asked for by the names in its metadata."""
    found = held(prvReadActivity="Global")
    assert found is not None
    assert (found.depth(rights.Right.READ, TASK), found.depth(rights.Right.WRITE, TASK)) == ("Global", "")


def test_privileges_without_names() -> None:
    """Where the service does not name privileges nothing is known."""
    assert rights.rights([{"PrivilegeId": "8f3c", "Depth": "Global"}]) is None

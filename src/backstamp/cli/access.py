"""What `check` says of an organization: who we are there, what we may do, and what is missing with its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp.cli import display

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from rich.console import Console

    from backstamp.connect.ports import Access, Inspection

_WHOLE = "Global"
_DEPTHS = {"": "no", "Basic": "own rows", "Local": "business unit", "Deep": "units below", _WHOLE: "yes"}


def missing(found: Inspection, linked: Collection[str], own: Collection[str]) -> list[str]:
    """Return what stands in the way, each with what to do about it.

    Args:
        found: what the organization lets us do.
        linked: the tables whose rows get a link.
        own: the tables that are ours; they are made where they are not there.
    """
    told = [problem for table in found.tables for problem in _of_table(table, linked, own)]
    needs = {"columns", "relationships"} if linked else set()
    needs |= {"tables"} if any(table.table in own and not table.key for table in found.tables) else set()
    told += [
        f"Our account may not create {what}: give it the role System Customizer for the first run, or create them by"
        " hand."
        for what, may in found.may_create.items()
        if may is False and what in needs
    ]
    return told


def _of_table(table: Access, linked: Collection[str], own: Collection[str]) -> Iterator[str]:
    name = table.table
    if not table.key:
        if name not in own:
            yield f"There is no table {name}: correct its name in the project file."
        return
    if not table.tracks_changes:
        yield f"{name} does not track its changes: turn on *Track changes* among its properties in Power Apps."
    wanted = {"read": table.read}
    wanted |= {"write": table.write, "append": table.append} if name in linked else {}
    wanted |= {"write": table.write, "append to": table.append_to} if name in own else {}
    for right, depth in wanted.items():
        if depth is not None and depth != _WHOLE:
            yield (
                f"Our account may not {right} every row of {name}: give its role that right at the level of the"
                " organization."
            )


def show(to: Console, found: Inspection, problems: list[str]) -> None:
    """Print what an organization lets us do, on one page."""
    to.print(f"\nAt {found.url} we are", found.user or "a user without a name", f"({found.user_id})", style="bold")
    to.print(f"  {_limits(found)}")
    may = {True: "yes", False: "no", None: "not told"}
    to.print("  May create", ", ".join(f"{what}: {may[answer]}" for what, answer in found.may_create.items()))
    headings = ("  Table", "Key", "Read", "Write", "Append", "Append to", "Tracks changes", "In bulk")
    to.print(display.table(headings, [_line(table) for table in found.tables]))
    for problem in problems:
        to.print(f"  {problem}", style="red", soft_wrap=True)


def _limits(found: Inspection) -> str:
    days = f"changes are kept for {found.days_kept} days" if found.days_kept is not None else ""
    left = f"{found.requests_left:,} requests are left for now" if found.requests_left is not None else ""
    told = [days, f"{display.count(found.at_once, 'request')} at once", left]
    return f"{'; '.join(one for one in told if one)}."


def _line(table: Access) -> list[str]:
    if not table.key:
        return [f"  {table.table}", "not there", *[""] * 6]
    rights = (table.read, table.write, table.append, table.append_to)
    reach = ["not told" if depth is None else _DEPTHS.get(depth, depth) for depth in rights]
    return [f"  {table.table}", table.key, *reach, *_yes_or_no(table.tracks_changes, table.in_bulk)]


def _yes_or_no(*are_so: bool) -> list[str]:
    return ["yes" if is_so else "no" for is_so in are_so]

"""Conditions as a tree of values: what `$filter`, FetchXML and SQL all become before `conditions` makes SQL of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

MAX_CONDITIONS = 500
MAX_DEPTH = 40
"""How deep conditions may be nested; the databases stop at some hundred levels of their own."""


@dataclass(frozen=True)
class Path:
    """A column, perhaps of a row that a lookup points to: `primarycontactid/fullname`.

    Attributes:
        steps: names of lookups' navigation properties, and the column's at the end.
        alias: the table or variable from which the path starts, "" for the table that is asked.
    """

    steps: tuple[str, ...]
    alias: str = ""


@dataclass(frozen=True)
class Value:
    """A literal."""

    content: object


@dataclass(frozen=True)
class Caller:
    """The id of the user who asks."""


Operand: TypeAlias = Path | Value | Caller


@dataclass(frozen=True)
class Comparison:
    """`left operator right`, where operator is eq ne gt ge lt or le."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True)
class Like:
    """A text that contains, starts with, ends with or as a whole is (`like`) a pattern with `%`, `_` and `[a-c]`."""

    function: str
    path: Operand
    text: Operand


@dataclass(frozen=True)
class Among:
    """A column whose value is one of a list; the list holds texts, whatever the column's type is."""

    path: Path
    contents: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class During:
    """A time in a period that is counted from now: `today`, `last-x-days`; the names are FetchXML's."""

    period: str
    path: Path
    amount: int = 1


@dataclass(frozen=True)
class Some:
    """Rows at the end of a collection that fit a condition: any of them, or all.

    Attributes:
        path: the way to the collection; its last step is the collection's navigation property.
        variable: what the condition calls such a row.
        condition: None where any row will do.
    """

    path: Path
    variable: str
    condition: Node | None = None
    every: bool = False


@dataclass(frozen=True)
class Linked:
    """Rows of any table whose column equals one of ours, and that fit a condition."""

    alias: str
    table: str
    column: str
    path: Path
    condition: Node | None = None


@dataclass(frozen=True)
class Negation:
    """The opposite."""

    operand: Node


@dataclass(frozen=True)
class Junction:
    """All (`and`) or any (`or`) of the operands."""

    operator: str
    operands: tuple[Node, ...]


Node: TypeAlias = Comparison | Like | Among | During | Some | Linked | Negation | Junction


def both(*nodes: Node | None) -> Node | None:
    """Return the condition that all of these hold; None stands for no condition."""
    given = tuple(node for node in nodes if node is not None)
    if len(given) < 2:
        return given[0] if given else None
    return Junction("and", given)

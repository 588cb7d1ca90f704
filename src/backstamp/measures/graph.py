"""The ways from all tables to the customers, drawn: as lines of text, and as SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.measures.settings import Definitions

CUSTOMER = "customer"
_WIDTH, _HEIGHT, _GAP, _ROW = 190, 34, 130, 56


def edges(definitions: Definitions) -> list[tuple[str, str, str]]:
    """Return every relationship: table, table that it leads to, foreign key; the system's own have no key."""
    own = [(table, CUSTOMER, "") for table in definitions.unified]
    return own + [(one.from_table, one.to_table, one.from_column) for one in definitions.relationships]


def text(definitions: Definitions) -> list[str]:
    """Return the ways as a tree of lines: under each table those whose rows refer to it."""
    return [CUSTOMER, *_branches(CUSTOMER, edges(definitions), "")]


def svg(definitions: Definitions) -> str:
    """Return the ways as an SVG image, the customer on the left, each table right of those that it leads to."""
    found = edges(definitions)
    places = _places(found)
    width = (max(column for column, _ in places.values()) + 1) * (_WIDTH + _GAP)
    height = (max(row for _, row in places.values()) + 1) * _ROW
    lines = "".join(_line(places[one], places[other], key) for one, other, key in found)
    boxes = "".join(_box(name, *place) for name, place in places.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 {width} {height}" font-family="sans-serif"'
        f' font-size="13" role="img"><title>Ways from tables to customers</title>{lines}{boxes}</svg>'
    )


def _branches(table: str, found: list[tuple[str, str, str]], indent: str) -> Iterator[str]:
    below = [(one, key) for one, other, key in found if other == table]
    for place, (one, key) in enumerate(below):
        is_last = place == len(below) - 1
        yield f"{indent}{'└─' if is_last else '├─'} {one}{f' by {key}' if key else ''}"
        yield from _branches(one, found, indent + ("   " if is_last else "│  "))


def _places(found: list[tuple[str, str, str]]) -> dict[str, tuple[int, int]]:
    """Return the column and row of every table: a column further than the furthest one that it leads to."""
    columns = {CUSTOMER: 0}
    for _ in found:
        for one, other, _key in found:
            columns[one] = max(columns.get(one, 1), columns.get(other, 0) + 1)
    rows: dict[int, int] = {}
    places = {}
    for table, column in columns.items():
        places[table] = (column, rows.get(column, 0))
        rows[column] = rows.get(column, 0) + 1
    return places


def _line(one: tuple[int, int], other: tuple[int, int], key: str) -> str:
    """Draw the line from the left side of one box to the right side of another one."""
    (x1, y1), (x2, y2) = _corner(*one), _corner(*other)
    begin, end = (x1, y1 + _HEIGHT / 2), (x2 + _WIDTH, y2 + _HEIGHT / 2)
    label = f'<text x="{begin[0] - 6}" y="{begin[1] - 6}" text-anchor="end" fill="#555">{escape(key)}</text>'
    line = f'<path d="M {begin[0]} {begin[1]} L {end[0]} {end[1]}" stroke="#555" fill="none"/>'
    return line + (label if key else "")


def _box(name: str, column: int, row: int) -> str:
    x, y = _corner(column, row)
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5" fill="#fff" stroke="#333"/>'
        f'<text x="{x + _WIDTH / 2}" y="{y + _HEIGHT / 2 + 5}" text-anchor="middle">{escape(name)}</text>'
    )


def _corner(column: int, row: int) -> tuple[int, int]:
    return column * (_WIDTH + _GAP), row * _ROW

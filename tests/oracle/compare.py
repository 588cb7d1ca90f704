"""Section 3: conditions, rules and shared values."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from tests.oracle import normalize
from tests.oracle.model import Condition, Evidence, Record, Row, Rows, Rule

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

Side = Literal["left", "right"]
SAME = Fraction(1)  # the score of an exact condition


@cache
def levenshtein(left: str, right: str) -> int:
    """Count the code points to insert, delete or replace."""
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (a != b)))
        previous = current
    return previous[-1]


def similarity(left: str, right: str, percent: int) -> Fraction | None:
    """(L - d) / L with L the length of the shorter string; None below the threshold, compared in integers."""
    shorter = min(len(left), len(right))
    alike = shorter - levenshtein(left, right)
    return Fraction(alike, shorter) if 100 * alike >= percent * shorter else None


def seen(condition: Condition, row: Row, side: Side) -> Any:
    """Return the value that a condition sees in the row of one side."""
    lists = condition.alias, condition.bypass
    return normalize.comparable(row[getattr(condition, side)], condition.normalize, condition.region(side), *lists)


def score(condition: Condition, left: Row, right: Row) -> Fraction | None:
    """Score one condition; None if the two values do not match, as a null or empty value never does."""
    a, b = seen(condition, left, "left"), seen(condition, right, "right")
    if a is None or b is None:
        return None
    if condition.percent is None:
        return SAME if a == b else None
    return similarity(a, b, condition.percent)


def holds(condition: Condition, left: Row, right: Row) -> bool:
    """Whether a condition of an exception holds; an empty value never counts as different."""
    if not condition.differs:
        return score(condition, left, right) is not None
    filled = seen(condition, left, "left") is not None and seen(condition, right, "right") is not None
    return filled and score(condition, left, right) is None


def rule_score(rule: Rule, left: Row, right: Row) -> Fraction | None:
    """Return the lowest score of the rule's conditions, None if one does not hold or an exception does."""
    lowest = SAME
    for condition in rule.conditions:
        found = score(condition, left, right)
        if found is None:
            return None
        lowest = min(lowest, found)
    excepted = any(all(holds(c, left, right) for c in exception) for exception in rule.exceptions)
    return None if excepted else lowest


def shared_keys(rule: Rule, row: Row, side: Side) -> set[Hashable]:
    """Return the keys that a row holds: its exact values together, without any each fuzzy value by itself."""
    exact = tuple(seen(c, row, side) for c in rule.conditions if c.percent is None)
    if exact:
        return set() if None in exact else {exact}
    fuzzy = enumerate(seen(c, row, side) for c in rule.conditions)
    return {(place, value) for place, value in fuzzy if value is not None}


def holders(rule: Rule, left: Rows, right: Rows) -> dict[Hashable, set[Record]]:
    """Return the rows of the two tables that hold each key; a row counts once for a key."""
    held: dict[Hashable, set[Record]] = defaultdict(set)
    sides: tuple[tuple[Rows, Side], ...] = ((left, "left"), (right, "right"))
    for rows, side in sides:
        for record, row in rows.items():
            for key in shared_keys(rule, row, side):
                held[key].add(record)
    return held


def crowded_keys(rule: Rule, left: Rows, right: Rows) -> set[Hashable]:
    """Return the keys that more rows of the two tables hold than the rule allows."""
    return {key for key, held in holders(rule, left, right).items() if len(held) > rule.max_rows_per_key}


def links(rule: Rule, left: Rows, right: Rows) -> Iterator[Evidence]:
    """All pairs that the rule links, `row` from the right and `partner` from the left table."""
    crowded = crowded_keys(rule, left, right)
    for (partner, above), (record, row) in product(left.items(), right.items()):
        found = rule_score(rule, above, row)
        if found is None or crowded & (shared_keys(rule, above, "left") | shared_keys(rule, row, "right")):
            continue
        yield Evidence(rule.name, record, partner, found)

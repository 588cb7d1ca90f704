"""Oracles in which one rule of the page is another one: what does not notice the change tests nothing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.oracle import cluster, compare, deduplicate, identify, match, merge, normalize, unification
from tests.oracle.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


def rounded_threshold(_: Any, left: str, right: str, percent: int) -> Fraction | None:
    """Compare the score with the threshold in rounded per cents."""
    shorter = min(len(left), len(right))
    score = Fraction(shorter - compare.levenshtein(left, right), shorter)
    return score if round(100 * score) >= percent else None


def empty_matches(score: Any, condition: Any, left: Any, right: Any) -> Any:
    """Let two empty values be the same."""
    empty = compare.seen(condition, left, "left") is None and compare.seen(condition, right, "right") is None
    return compare.SAME if empty else score(condition, left, right)


def empty_differs(holds: Any, condition: Any, left: Any, right: Any) -> Any:
    """Let an empty value count as different in an exception."""
    return compare.score(condition, left, right) is None if condition.differs else holds(condition, left, right)


def without_regions(seen: Any, condition: Any, row: Any, side: str) -> Any:
    """Overlook where telephone numbers are from."""
    return seen(replace(condition, default_region=None, of_tables=(None, None)), row, side)


def region_of_table(seen: Any, condition: Any, row: Any, side: str) -> Any:
    """Let the table say where telephone numbers are from, whatever the condition says."""
    return seen(replace(condition, default_region=None), row, side)


def without_tokens(seen: Any, condition: Any, row: Any, side: str) -> Any:
    """Overlook the normalizers of tokens."""
    others = tuple(name for name in condition.normalize if name not in normalize.OF_TOKENS)
    return seen(replace(condition, normalize=others), row, side)


def without_alias(seen: Any, condition: Any, row: Any, side: str) -> Any:
    """Let values that count as equal be different."""
    return seen(replace(condition, alias=()), row, side)


def without_bypass(seen: Any, condition: Any, row: Any, side: str) -> Any:
    """Let values that count as empty be values."""
    return seen(replace(condition, bypass=()), row, side)


def pairs_not_closed(_: Any, text: str, pairs: Any) -> str:
    """Let each pair count by itself, instead of closing the pairs into sets."""
    equal: list[str] = [one for pair in pairs if None not in pair and text in pair for one in pair]
    return min([text, *equal])


def bypass_before_alias(_: Any, text: Any, alias: Any, bypass: Any) -> Any:
    """Let a value that counts as empty not stand for those that count as equal to it."""
    return None if text is None or text in bypass else normalize.one_for_all(text, alias)


def links_by_key(ordered_links: Any, *arguments: Any) -> Any:
    """Take links in the order of keys, whatever their rule and score."""
    return sorted(ordered_links(*arguments), key=lambda link: (link.partner, link.row))


def null_is_oldest(by_time: Any, items: Any, time: Any, direction: str) -> Any:
    """Let what has no time be the least recent."""
    ordered = by_time(items, time, direction)
    return sorted(ordered, key=lambda item: time(item) is not None) if direction == "least_recent" else ordered


def any_score(rank: Any, *arguments: Any) -> Any:
    """Let the smallest key above win, whatever the score."""
    position, _, above, own = rank(*arguments)
    return position, 0, above, own


def score_before_rule(rank: Any, *arguments: Any) -> Any:
    """Let the best score of all rules win; always pairs still decide first."""
    position, score, above, own = rank(*arguments)
    return min(position, 1), score, position, above, own


def always_pairs_last(rank: Any, *arguments: Any) -> Any:
    """Let always pairs decide where no rule does."""
    position, *others = rank(*arguments)
    return position or 1000, *others


def winner_as_it_is(_: Any, __: Any, group: Any, rows: Any) -> Any:
    """Let merge see the winner without the values that columns with a preference of their own would have."""
    return {column: (value, group.winner) for column, value in rows[group.winner].items()}


def followed_for_ever(_: Any, today: Any, before: Any) -> Any:
    """Follow the rows of a vanished id also where they are in no profile."""
    return {**before.followed, **{old: rows for old, rows in before.customers.items() if old not in today}}


# What is changed: the module and the function that have the rule, and the other rule, given that function first.
MUTANTS: dict[str, tuple[ModuleType, str, Callable[..., Any]]] = {
    "thresholds are rounded": (compare, "similarity", rounded_threshold),
    "empty values match": (compare, "score", empty_matches),
    "empty values differ": (compare, "holds", empty_differs),
    "regions are overlooked": (compare, "seen", without_regions),
    "the table's region wins": (compare, "seen", region_of_table),
    "tokens stay": (compare, "seen", without_tokens),
    "equal values differ": (compare, "seen", without_alias),
    "pairs of equal values are no sets": (normalize, "one_for_all", pairs_not_closed),
    "no value counts as empty": (compare, "seen", without_bypass),
    "values are empty before they are equal": (normalize, "after_lists", bypass_before_alias),
    "filters let all pass": (unification, "filtered", lambda _, __, rows: rows),
    "any number of rows shares a value": (compare, "crowded_keys", lambda _, *__: set()),
    "match rules leave duplicates": (deduplicate, "default_rules", lambda _, *__: []),
    "evidence goes by key": (deduplicate, "ordered_links", links_by_key),
    "ties go to the smaller key": (deduplicate, "larger_first", lambda _, records: sorted(records)),
    "null is the oldest": (deduplicate, "by_time", null_is_oldest),
    "any score wins": (match, "rank", any_score),
    "the score decides before the rule": (match, "rank", score_before_rule),
    "always pairs decide last": (match, "rank", always_pairs_last),
    "groups are placed by key": (match, "turn", lambda _, group, __: (group.id[1],)),
    "columns have no preference": (deduplicate, "merged_row", winner_as_it_is),
    "the last winner is first": (merge, "in_order", lambda in_order, *arguments: in_order(*arguments)[::-1]),
    "the older id stays": (identify, "claim", lambda claim, *arguments: claim(*arguments)[1:]),
    "ids are never derived": (identify, "claims", lambda _, *__: {}),
    "clusters have new ids": (cluster, "resolved", lambda _, *__: NOTHING),
    "rows are followed for ever": (identify, "followed", followed_for_ever),
}


@contextmanager
def mutant(name: str) -> Iterator[None]:
    """Change one rule of the oracle for as long as the context lasts."""
    module, function, other = MUTANTS[name]
    original = getattr(module, function)
    setattr(module, function, partial(other, original))
    normalize.comparable.cache_clear()
    try:
        yield
    finally:
        setattr(module, function, original)
        normalize.comparable.cache_clear()

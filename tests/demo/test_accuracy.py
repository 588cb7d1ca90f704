"""Accuracy, in pairs of rows."""

from __future__ import annotations

from itertools import combinations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from backstamp import demo

SCHEMA = pa.schema([("table", pa.string()), ("key", pa.string())])
PLACED = st.none() | st.sampled_from(["x", "y", "z"])


def _tables(people: list[int], profiles: list[str | None]) -> tuple[pa.Table, pa.Table]:
    """Return truth, and the members that are in a profile; keys repeat in the two tables."""
    rows = [{"table": f"t.{place % 2}", "key": str(place // 2)} for place in range(len(people))]
    truth = [row | {"person": person} for row, person in zip(rows, people, strict=True)]
    members = [row | {"customer_id": profile} for row, profile in zip(rows, profiles, strict=True) if profile]
    members.append({"table": "t.9", "key": "unknown", "customer_id": "x"})
    return (
        pa.Table.from_pylist(members, SCHEMA.append(pa.field("customer_id", pa.string()))),
        pa.Table.from_pylist(truth, SCHEMA.append(pa.field("person", pa.int64()))),
    )


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(1, 4), PLACED), max_size=12))
def test_pairs_are_those_that_a_list_of_all_pairs_gives(rows: list[tuple[int, str | None]]) -> None:
    """Counted by cluster, pairs are as many as when each one is looked at."""
    pairs = list(combinations(rows, 2))
    true = {place for place, (one, other) in enumerate(pairs) if one[0] == other[0]}
    found = {place for place, (one, other) in enumerate(pairs) if one[1] is not None and one[1] == other[1]}
    members, truth = _tables([person for person, _ in rows], [profile for _, profile in rows])
    accuracy = demo.measure_accuracy(members, truth)
    assert accuracy == demo.Accuracy(true=len(true), found=len(found), right=len(true & found))


def test_shares_of_pairs() -> None:
    """Precision is the share of pairs found that are right, recall the share of true pairs that were found."""
    accuracy = demo.measure_accuracy(*_tables([1, 1, 1, 2], ["x", "x", None, "x"]))
    assert (accuracy.precision, accuracy.recall, accuracy.f1) == (1 / 3, 1 / 3, 1 / 3)


def test_nothing_to_find() -> None:
    """Where there is no pair to find and none was found, nothing is wrong."""
    accuracy = demo.measure_accuracy(*_tables([1, 2], ["x", "y"]))
    assert (accuracy.precision, accuracy.recall, accuracy.f1) == (1, 1, 1)

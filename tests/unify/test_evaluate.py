"""Profiles and rules beside labels."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracle.model import Project, Table
from tests.unify.test_explain import BOTH, CONTACT, LEAD, rows, unified

from backstamp.unify import evaluate

if TYPE_CHECKING:
    from backstamp.engine import Engine

SCHEMA = pa.schema([("table", pa.string()), ("key", pa.string())])
PLACED = st.none() | st.sampled_from(["x", "y", "z"])
ROWS = st.lists(st.tuples(st.integers(1, 4), PLACED), max_size=12)


def _tables(people: list[int], profiles: list[str | None]) -> tuple[pa.Table, pa.Table]:
    """Return the members that are in a profile, and the truth; keys repeat in the two tables."""
    rows = [{"table": f"t.{place % 2}", "key": str(place // 2)} for place in range(len(people))]
    truth = [row | {"person": person} for row, person in zip(rows, people, strict=True)]
    members = [row | {"customer_id": profile} for row, profile in zip(rows, profiles, strict=True) if profile]
    members.append({"table": "t.9", "key": "unknown", "customer_id": "x"})
    return (
        pa.Table.from_pylist(members, SCHEMA.append(pa.field("customer_id", pa.string()))),
        pa.Table.from_pylist(truth, SCHEMA.append(pa.field("person", pa.int64()))),
    )


def _pairs(truth: pa.Table) -> pa.Table:
    """Return all pairs of the rows of the truth as labels."""
    pairs = [
        dict(zip(evaluate.PAIRS, (*one[:2], *other[:2], one[2] == other[2]), strict=True))
        for one, other in combinations([tuple(row.values()) for row in truth.to_pylist()], 2)
    ]
    kinds = {name: pa.bool_() if name == "match" else pa.string() for name in evaluate.PAIRS}
    return pa.Table.from_pylist(pairs, pa.schema(kinds))


@settings(max_examples=50, deadline=None)
@given(rows=ROWS)
def test_pairs_are_those_that_a_list_of_all_pairs_gives(rows: list[tuple[int, str | None]]) -> None:
    """Counted by cluster, pairs are as many as when each one is looked at."""
    pairs = list(combinations(rows, 2))
    true = {place for place, (one, other) in enumerate(pairs) if one[0] == other[0]}
    found = {place for place, (one, other) in enumerate(pairs) if one[1] is not None and one[1] == other[1]}
    members, truth = _tables([person for person, _ in rows], [profile for _, profile in rows])
    accuracy = evaluate.measure_clusters(members, truth).pairs
    assert accuracy == evaluate.Accuracy(true=len(true), found=len(found), right=len(true & found))


@settings(max_examples=50, deadline=None)
@given(rows=ROWS.filter(lambda rows: len(rows) > 1))
def test_clusters_and_all_their_pairs_say_the_same(rows: list[tuple[int, str | None]]) -> None:
    """Where every pair is labelled, pairs give what clusters give, B-cubed too, which is each row's own share."""
    members, truth = _tables([person for person, _ in rows], [profile for _, profile in rows])
    of_clusters, of_pairs = evaluate.measure_clusters(members, truth), evaluate.measure_pairs(members, _pairs(truth))
    assert of_clusters.pairs == of_pairs.pairs
    shares = [_shares(rows, place) for place in range(len(rows))]
    for measured in (of_clusters.rows, of_pairs.rows):
        assert measured.precision == pytest.approx(sum(share for share, _ in shares) / len(rows))
        assert measured.recall == pytest.approx(sum(share for _, share in shares) / len(rows))


def _shares(rows: list[tuple[int, str | None]], own: int) -> tuple[float, float]:
    """Return what a row sees: the share of its profile that is its person's, and of its person that is there."""
    person = {place for place, row in enumerate(rows) if row[0] == rows[own][0]}
    profile = {place for place, row in enumerate(rows) if row[1] is not None and row[1] == rows[own][1]} | {own}
    return len(person & profile) / len(profile), len(person & profile) / len(person)


def test_shares_of_pairs() -> None:
    """Precision is the share of pairs found that are right, recall the share of true pairs that were found."""
    accuracy = evaluate.measure_clusters(*_tables([1, 1, 1, 2], ["x", "x", None, "x"])).pairs
    assert (accuracy.precision, accuracy.recall, accuracy.f1) == (1 / 3, 1 / 3, 1 / 3)


def test_nothing_to_find() -> None:
    """Where there is no pair to find and none was found, nothing is wrong."""
    found = evaluate.measure_clusters(*_tables([1, 2], ["x", "y"]))
    assert (found.pairs.precision, found.pairs.recall, found.pairs.f1) == (1, 1, 1)
    assert (found.rows.precision, found.rows.recall, found.rows.f1) == (1, 1, 1)


def test_rows_without_profile() -> None:
    """Labelled rows that no profile has are counted once, whatever the kind of labels."""
    members, truth = _tables([1, 1, 2], ["x", None, None])
    assert evaluate.count_without_profile(members, truth) == 2
    assert evaluate.count_without_profile(members, _pairs(truth)) == 2


PEOPLE = rows(
    CONTACT, ("a", "x", "Robert", "5"), ("b", "x", "Robert", "5"), ("c", "y", "Eve", "5"), ("d", "z", "Ada")
) | rows(LEAD, ("e", "x", "Robert"), ("f", "z", "Ada"))
CONTACTS = dict.fromkeys("abc", 1) | {"d": 2}


def _truth(leads: dict[str, int]) -> pa.Table:
    told = [(CONTACT, key, person) for key, person in CONTACTS.items()]
    told += [(LEAD, key, person) for key, person in leads.items()]
    return pa.table(list(zip(*told, strict=True)), list(evaluate.CLUSTERS))


@pytest.mark.parametrize("kind", ["clusters", "pairs"])
def test_rules_in_links(warehouse: Engine, kind: evaluate.Kind) -> None:
    """A link counts for the rule that made it: alone if no other could have, wrong if the labels tell so."""
    truth = _truth({"e": 3})  # nobody knows who lead f is
    labels = truth if kind == "clusters" else _pairs(truth)
    found = evaluate.measure_rules(unified(warehouse, BOTH, PEOPLE), kind, labels)
    assert found == (
        # a-b has the same phone as well.
        evaluate.RuleAccuracy(CONTACT, CONTACT, "Name", links=1, alone=0, labelled=1, wrong=0),
        evaluate.RuleAccuracy(CONTACT, CONTACT, "Phone", links=1, alone=1, labelled=1, wrong=0),
        evaluate.RuleAccuracy(LEAD, LEAD, "Name", links=0, alone=0, labelled=0, wrong=0),
        evaluate.RuleAccuracy(LEAD, CONTACT, "Name", links=2, alone=2, labelled=1, wrong=1),
        evaluate.RuleAccuracy(LEAD, CONTACT, "Phone", links=0, alone=0, labelled=0, wrong=0),
    )


@pytest.mark.parametrize("kind", ["clusters", "pairs"])
def test_rules_of_a_single_table(warehouse: Engine, kind: evaluate.Kind) -> None:
    """A project that only deduplicates has its rules measured too."""
    contacts = {record: row for record, row in PEOPLE.items() if record[0] == CONTACT}
    truth = _truth({})
    found = evaluate.measure_rules(
        unified(warehouse, Project(BOTH.tables[:1]), contacts), kind, truth if kind == "clusters" else _pairs(truth)
    )
    assert [(rule.rule, rule.links, rule.labelled, rule.wrong) for rule in found] == [
        ("Name", 1, 1, 0),
        ("Phone", 1, 1, 0),
    ]


@pytest.mark.parametrize("kind", ["clusters", "pairs"])
def test_always_pairs_of_tables_without_rules(warehouse: Engine, kind: evaluate.Kind) -> None:
    """What always pairs joined is measured too where no rule compares the two tables."""
    tables = Table(CONTACT, "id", deduplicate=()), Table(LEAD, "id", deduplicate=())
    always = ((CONTACT, "a"), (CONTACT, "b")), ((LEAD, "e"), (CONTACT, "d"))
    truth = _truth({"e": 3})
    labels = truth if kind == "clusters" else _pairs(truth)
    found = evaluate.measure_rules(unified(warehouse, Project(tables, always=always), PEOPLE), kind, labels)
    assert found == (
        evaluate.RuleAccuracy(CONTACT, CONTACT, "always", links=1, alone=1, labelled=1, wrong=0),
        evaluate.RuleAccuracy(LEAD, CONTACT, "always", links=1, alone=1, labelled=1, wrong=1),
    )

"""Explanations tell the evidence, and what the oracle says of two rows."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracle import compare, deduplicate, strategies
from tests.oracle.match import of_table
from tests.oracle.model import Between, Project, Record, Row, Rows, Rule, Table, on, profile_column
from tests.oracle.unification import filtered
from tests.unify import harness

from backstamp import pipeline
from backstamp.unify import explain

if TYPE_CHECKING:
    from backstamp.engine import Engine

EMPTY: Row = dict.fromkeys(harness.TYPES)
CONTACT, LEAD = "crm.contact", "crm.lead"
NAME = Rule("Name", (on("email"), on("first", "lowercase", precision=80)), max_rows_per_key=3)
PHONE = Rule("Phone", (on("phone", "phone"),))
BOTH = Project(
    (Table(CONTACT, "id", deduplicate=(NAME, PHONE)), Table(LEAD, "id", deduplicate=(NAME,))),
    (Between(CONTACT, LEAD, (NAME, PHONE)),),
)


def rows(table: str, *values: tuple[str | None, ...]) -> dict[Record, Row]:
    """Write rows of a table: key, email, first, phone."""
    names = ("email", "first", "phone")
    return {(table, str(key)): {**EMPTY, **dict(zip(names, row, strict=False))} for key, *row in values}


def unified(warehouse: Engine, project: Project, people: Rows) -> explain.Unified:
    """Unify, and give what came of it to be asked."""
    said, given = harness.settings_of(project), harness.given_of(warehouse, project, people)
    pipeline.unify(warehouse, said, given, None, run=1, seed=uuid4(), stage=harness.nobody)
    tables = tuple(pipeline.numbered(said, given.sources))
    names = ("customers", "overrides", "ids", "profiles")
    customers, overrides, ids, profiles = (warehouse.table(name) for name in names)
    return explain.Unified(warehouse, said, tables, customers, overrides, ids, profiles, given.lists)


def records(of: explain.Unified) -> dict[tuple[str, str], int]:
    """Return the number of each row."""
    return {(row["table"], row["key"]): row["record"] for row in of.engine.rows(of.engine.table("records"))}


def related(of: explain.Unified, left: Record, right: Record) -> explain.Relation:
    """Say why two rows are together or not."""
    known = records(of)
    return explain.relate(of, *(known[table, str(key)] for table, key in (left, right)))


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=strategies.histories(runs=1, with_overrides=True), data=st.data())
def test_explanations_are_what_the_page_says(
    warehouse: Engine, history: strategies.History, data: st.DataObject
) -> None:
    """Each piece of evidence is given again by its rule; two rows apart are judged by each rule as by the oracle."""
    project, people = history.project, filtered(history.project, history.states[0])
    found = unified(warehouse, project, people)
    always = {frozenset((table, str(key)) for table, key in pair) for pair in project.always}
    for link in explain.replay(found, found.customers):
        if link.score is None:
            assert frozenset((row.table, row.key) for row in (link.row, link.partner)) in always
        else:
            assert link.verdict is not None
            assert (link.verdict.holds, link.verdict.score) == (True, link.score)
    if len(people) > 1:
        upper, lower = sorted(data.draw(st.permutations(sorted(people, key=project.place)))[:2], key=project.place)
        relation = related(found, lower, upper)
        holding = {(verdict.rule, verdict.score) for verdict in relation.verdicts if verdict.holds}
        assert relation.are_together or holding == linked(project, people, lower, upper)


def linked(project: Project, people: Rows, lower: Record, upper: Record) -> set[tuple[str, float]]:
    """Return the rules that link two rows, as the oracle says, with their scores."""
    if lower[0] == upper[0]:
        [table] = (table for table in project.tables if table.name == lower[0])
        rules = deduplicate.rules_of(project, table)
    else:
        said = (between for between in project.match if (between.lower, between.upper) == (lower[0], upper[0]))
        rules = [rule for between in said for rule in between.rules]
    below, above = of_table(people, lower[0]), of_table(people, upper[0])
    links = (link for rule in rules for link in compare.links(rule, above, below))
    return {(link.rule, float(link.score or 0)) for link in links if (link.row, link.partner) == (lower, upper)}


def test_what_joined_each_row(warehouse: Engine) -> None:
    """A duplicate has its own link, a winner that of its group; values tell their row and column."""
    project = replace(BOTH, profile=(profile_column("Phone", (CONTACT, "phone"), (LEAD, "phone")),))
    people = rows(CONTACT, ("a", "x", "Robert"), ("b", "x", "robbert")) | rows(LEAD, ("c", "x", "Robert", "5"))
    found = unified(warehouse, project, people)
    told = explain.explain(found, records(found)[LEAD, "c"])
    links = {member.row.key: member.link for member in told.members}
    assert links["b"] is None
    assert links["a"] is not None
    assert (links["a"].kind, links["a"].partner.key, links["a"].rule) == ("duplicate", "b", "Name")
    assert links["c"] is not None
    assert (links["c"].kind, links["c"].partner.key, links["c"].score) == ("match", "a", 1)
    assert [(one.name, one.value, one.row, one.column) for one in told.values] == [
        ("Phone", "5", explain.Row(LEAD, "c"), "phone")
    ]


def test_a_chain(warehouse: Engine) -> None:
    """Two rows that share nothing are together through a third: the links lead from the one to the other."""
    people = rows(CONTACT, ("a", "x", "Robert"), ("b", "x", "Robert", "5"), ("c", "y", "Eve", "5"))
    relation = related(unified(warehouse, BOTH, people), (CONTACT, "a"), (CONTACT, "c"))
    assert relation.are_together
    assert [{link.row.key, link.partner.key} for link in relation.chain] == [{"a", "b"}, {"b", "c"}]
    assert [link.rule for link in relation.chain] == ["Name", "Phone"]
    assert relation.customer_ids[0] == relation.customer_ids[1]


def test_by_how_much_a_rule_fails(warehouse: Engine) -> None:
    """Each condition tells both values as they are compared, what was asked, and how alike they are."""
    people = rows(CONTACT, ("a", "x", "ROBERT"), ("b", "x", "Rupert", "ext"))
    relation = related(unified(warehouse, BOTH, people), (CONTACT, "b"), (CONTACT, "a"))
    name, phone = relation.verdicts
    email, first = name.conditions
    assert (email.values, email.per_cent, email.similarity, email.holds) == (("x", "x"), None, None, True)
    assert (first.values, first.per_cent, first.holds) == (("rupert", "robert"), 80, False)
    assert Fraction(first.similarity or 0).limit_denominator(100) == Fraction(4, 6)
    assert phone.conditions[0].values == (None, None)
    assert not phone.conditions[0].holds


@pytest.mark.parametrize(("holders", "holds"), [(3, True), (4, False)])
def test_shared_values(warehouse: Engine, holders: int, *, holds: bool) -> None:
    """How many rows of both tables hold the key is told, and a rule whose limit that is over does not hold."""
    apart = replace(BOTH, tables=tuple(replace(table, deduplicate=()) for table in BOTH.tables))
    people = rows(CONTACT, *((str(place), "x", "Robert") for place in range(holders - 1))) | rows(
        LEAD, ("z", "x", "Robert")
    )
    relation = related(unified(warehouse, apart, people), (LEAD, "z"), (CONTACT, "1"))
    assert not relation.are_together
    assert (relation.verdicts[0].holders, relation.verdicts[0].holds) == (holders, holds)
    assert (relation.decided is not None) == holds


def test_an_earlier_rule_decided(warehouse: Engine) -> None:
    """Where a rule holds for two rows that are apart, the link that decided is told."""
    people = rows(CONTACT, ("a", "x", "Robert"), ("b", "y", "Eve", "5")) | rows(LEAD, ("c", "x", "Robert", "5"))
    relation = related(unified(warehouse, BOTH, people), (CONTACT, "b"), (LEAD, "c"))
    assert [verdict.holds for verdict in relation.verdicts] == [False, True]
    assert relation.decided is not None
    assert (relation.decided.rule, relation.decided.partner.key) == ("Name", "a")


def test_a_row_that_is_left_out(warehouse: Engine) -> None:
    """A group that no row above matches has no customer, and still tells what made it a group."""
    people = rows(CONTACT, ("a", "x", "Robert")) | rows(LEAD, ("b", "y", "Eve"), ("c", "y", "Eve"))
    found = unified(warehouse, BOTH, people)
    told = explain.explain(found, records(found)[LEAD, "b"])
    assert (told.customer_id, told.values) == (None, ())
    assert {member.row.key: member.link is None for member in told.members} == {"b": False, "c": True}
    assert related(found, (LEAD, "b"), (LEAD, "c")).are_together
    assert related(found, (LEAD, "b"), (CONTACT, "a")).customer_ids[0] is None


def test_a_rule_that_is_gone(warehouse: Engine) -> None:
    """Evidence by a rule that the settings do not have any more is told without a verdict."""
    found = unified(warehouse, BOTH, rows(CONTACT, ("a", "x", "Robert"), ("b", "x", "Robert")))
    [table, lead] = found.settings.tables
    gone = replace(found.settings, tables=(replace(table, deduplicate="off"), lead))
    [link] = explain.replay(replace(found, settings=gone), found.customers)
    assert (link.rule, link.verdict) == ("Name", None)


TWINS = Rule("Twins", (on("last"), on("phone")), exceptions=((replace(on("first", "lowercase"), differs=True),),))


def test_an_exception(warehouse: Engine) -> None:
    """A rule that an exception forbids tells the exception, with the values that it compared."""
    apart = Project((Table(CONTACT, "id", deduplicate=(replace(NAME, name="Mail"), TWINS)),))
    people = rows(CONTACT, ("a", "x", "Ann", "5"), ("b", "y", "Eve", "5"))
    people = {record: {**row, "last": "Moss"} for record, row in people.items()}
    relation = related(unified(warehouse, apart, people), (CONTACT, "a"), (CONTACT, "b"))
    mail, twins = relation.verdicts
    assert mail.exceptions == ()
    assert [one.holds for one in twins.conditions] == [True, True]
    assert [[(one.values, one.differs, one.holds) for one in exception] for exception in twins.exceptions] == [
        [(("ann", "eve"), True, True)]
    ]
    assert (twins.holds, twins.score) == (False, None)


def test_overrides(warehouse: Engine) -> None:
    """An always pair is told as evidence without a rule; a never pair as what keeps two customers apart."""
    told = replace(BOTH, always=(((CONTACT, "c"), (CONTACT, "a")),), never=(((CONTACT, "c"), (CONTACT, "b")),))
    people = rows(CONTACT, ("a", "x", "Robert"), ("b", "x", "Robert"), ("c", "y", "Eve"))
    found = unified(warehouse, told, people)
    [link] = related(found, (CONTACT, "a"), (CONTACT, "c")).chain
    assert (link.rule, link.score, link.verdict) == ("always", None, None)
    relation = related(found, (CONTACT, "b"), (CONTACT, "a"))
    assert [(one.key, other.key) for one, other in relation.never] == [("b", "c")]
    assert relation.verdicts[0].holds

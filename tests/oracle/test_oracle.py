"""The oracle gives what the page's worked examples say, and ids as computed by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid5

import pytest
from tests.oracle import normalize
from tests.oracle.compare import similarity
from tests.oracle.model import (
    NOTHING,
    Between,
    Evidence,
    Key,
    ProfileColumns,
    Project,
    Record,
    Result,
    Rows,
    Rule,
    Table,
    on,
    profile_column,
)
from tests.oracle.unification import replay, seed_of, unify

EMAIL = Rule("Email", (on("email"),))
CONTACT, LEAD = Table("crm.contact", "id"), Table("crm.lead", "id", include_all=True)
PEOPLE = Project((CONTACT,))


def rows(table: Table, columns: str, *values: tuple[Any, ...]) -> dict[Record, dict[str, Any]]:
    """Write rows of a table, the key first."""
    return {(table.name, key): dict(zip(columns.split(), row, strict=True)) for key, *row in values}


def run(project: Project, *parts: Rows) -> Result:
    """Unify rows for the first time."""
    merged = {record: row for part in parts for record, row in part.items()}
    return unify(project, merged, NOTHING, 1, seed_of(1))


def customers(result: Result) -> set[frozenset[Key]]:
    """Return the keys of each customer."""
    return {frozenset(key for _, key in customer) for customer in result.partition}


def sets(*texts: str) -> set[frozenset[str]]:
    """Write sets of keys of one letter."""
    return {frozenset(text) for text in texts}


def deduplicated(table: Table, *rules: Rule) -> Table:
    """Return the table with rules of its own."""
    return replace(table, deduplicate=rules)


def test_duplicates_of_two_tables() -> None:
    """Example a: Most filled wins, the larger key wins a tie, and the profile names winners and alternates."""
    content = ("first", "last", "email")
    contact = replace(CONTACT, deduplicate=(EMAIL,), content=content)
    lead = replace(LEAD, deduplicate=(EMAIL,), content=content)
    mail = "monica.thomson@contoso.com"
    found = run(
        Project((contact, lead), (Between(contact.name, lead.name, (EMAIL,)),)),
        rows(contact, "first last email", (1, None, "Thomson", mail), (2, "Monica", "Smith", mail)),
        rows(lead, "first last email", (100, "Moni", "Thomson", mail), (200, "Monica", "Smith", mail)),
    )
    assert found.groups == {contact.name: {1: 1, 2: 1}, lead.name: {100: 100, 200: 100}}
    assert found.winners == {contact.name: {1: 2, 2: 2}, lead.name: {100: 200, 200: 200}}
    assert list(found.profiles.values()) == [
        {"crm_contact_id": 2, "crm_contact_id_Alternate": "1;2", "crm_lead_id": 200, "crm_lead_id_Alternate": "100;200"}
    ]
    assert found.matches == {(lead.name, 100): Evidence("Email", (lead.name, 100), (contact.name, 1), Fraction(1))}


def test_group_of_columns() -> None:
    """Example b: An address comes from one row; without the group each line comes from where it is filled."""
    lines = ("street", "line2", "city", "state", "zip")
    project = Project((CONTACT, LEAD), (Between(CONTACT.name, LEAD.name, (EMAIL,)),))
    both = (
        rows(
            CONTACT, "email street line2 city state zip", (1, "m", "200 Cedar Springs Rd", "", "Dallas", "TX", "75255")
        ),
        rows(
            LEAD,
            "email street line2 city state zip",
            (9, "m", "5000 15th Street", "Suite 950", "Redmond", "WA", "98052"),
        ),
    )
    address = ProfileColumns(tuple((table.name, {line: line for line in lines}) for table in project.tables))
    single = tuple(profile_column(line, *((table.name, line) for table in project.tables)) for line in lines)
    together, apart = run(replace(project, profile=(address,)), *both), run(replace(project, profile=single), *both)
    ((own, profile),) = together.profiles.items()
    assert [profile[line] for line in lines] == ["200 Cedar Springs Rd", None, "Dallas", "TX", "75255"]
    assert "line2" not in together.origins[own]
    assert apart.profiles[own]["line2"] == "Suite 950"
    assert apart.origins[own]["line2"] == (LEAD.name, 9)


def test_chain() -> None:
    """Example c: Rows joined through other rows, by different rules, are one group."""
    table = deduplicated(CONTACT, Rule("P", (on("name"), on("phone"))), Rule("E", (on("name"), on("email"))))
    people = rows(
        table,
        "name phone email",
        ("1", "A", "5", "x"),
        ("2", "A", "5", "y"),
        ("3", "A", "6", "y"),
        ("4", "B", "7", "z"),
    )
    assert customers(run(Project((table,)), people)) == sets("123", "4")


def test_twins() -> None:
    """Example d: An exception keeps twins apart."""
    unless = (replace(on("first"), differs=True),)
    table = deduplicated(CONTACT, Rule("Born", (on("last"), on("city"), on("born")), exceptions=(unless,)))
    people = rows(table, "first last city born", ("1", "Ann", "Li", "Rome", 1990), ("2", "Bea", "Li", "Rome", 1990))
    assert customers(run(Project((table,)), people)) == sets("1", "2")


def test_never_pair_of_leads() -> None:
    """Example e: Of two leads that must stay apart the second becomes its own customer."""
    project = Project((CONTACT, replace(LEAD, deduplicate=())), (Between(CONTACT.name, LEAD.name, (EMAIL,)),))
    project = replace(project, never=(((LEAD.name, "2"), (LEAD.name, "1")),))
    leads = rows(LEAD, "email", ("1", "m"), ("2", "m"))
    assert customers(run(project, rows(CONTACT, "email", ("c", "m")), leads)) == sets("c1", "2")


@pytest.mark.parametrize(
    ("order", "expected"), [("email phone", sets("1234", "x", "y")), ("phone email", sets("14", "23xy"))]
)
def test_never_pairs_in_a_group(order: str, expected: set[frozenset[str]]) -> None:
    """Example f: The order of rules decides which links a never pair refuses."""
    table = deduplicated(CONTACT, *(Rule(column, (on(column),)) for column in order.split()))
    project = Project((table,), never=(((table.name, "1"), (table.name, "x")), ((table.name, "y"), (table.name, "1"))))
    mail = rows(table, "email phone", ("1", "m", None), ("2", "m", "5"), ("3", "m", "6"), ("4", "m", None))
    found = run(project, mail, rows(table, "email phone", ("x", None, "5"), ("y", None, "6")))
    assert customers(found) == expected


def test_placing() -> None:
    """Example g: Groups are placed in the order of their first choices, also where these are closed by then."""
    rules = tuple(Rule(column, (on(column),)) for column in ("one", "two", "three"))
    low = replace(LEAD, deduplicate=())
    project = Project((replace(CONTACT, deduplicate=()), low), (Between(CONTACT.name, LEAD.name, rules),))
    a, b, c = ((LEAD.name, key) for key in "ABC")
    found = run(
        replace(project, never=((a, b), (b, c))),
        rows(CONTACT, "one two three", ("1", "x", None, None), ("2", None, "y", "z")),
        rows(low, "one two three", ("A", "x", None, None), ("B", "x", None, "z"), ("C", None, "y", None)),
    )
    assert customers(found) == sets("1A", "2B", "C")


def test_always_pair_below() -> None:
    """An always pair decides before any rule, joins what no rule links, and does nothing for a left-out partner."""
    tables = (CONTACT, replace(LEAD, include_all=False, deduplicate=()), Table("loyalty.member", "id"))
    project = Project(tables, (Between(tables[0].name, tables[1].name, (EMAIL,)),))
    one, two = (tables[0].name, "1"), (tables[0].name, "2")
    low, out, last = (tables[1].name, "a"), (tables[1].name, "b"), (tables[2].name, "z")
    data: Rows = {one: {"email": "m"}, two: {"email": "n"}, low: {"email": "m"}, out: {"email": None}, last: {}}
    found = run(replace(project, always=((low, two), (last, out))), data)
    assert found.partition == {frozenset({one}), frozenset({two, low})}
    assert found.left_out == {out, last}
    assert found.matches == {low: Evidence("always", low, two, None)}


def test_best_score() -> None:
    """Of the rows above that the first rule finds the best score wins, then the smallest key."""
    alike = Rule("Name", (on("name", precision="medium"),))
    project = Project((replace(CONTACT, deduplicate=()), LEAD), (Between(CONTACT.name, LEAD.name, (alike,)),))
    people = rows(CONTACT, "name", (9, "robert"), (10, "robert"), (2, "rupert"))
    found = run(project, people, rows(LEAD, "name", (5, "robertt")))
    assert found.matches[LEAD.name, 5] == Evidence("Name", (LEAD.name, 5), (CONTACT.name, 9), Fraction(5, 6))


def test_similarity() -> None:
    """The score of the page's example is exact, and thresholds are compared in integers."""
    score = Fraction(9, 10)
    assert similarity("robert2020@hotmail.com", "robrt2020@hotmail.cm", 90) == score
    assert similarity("robert2020@hotmail.com", "robrt2020@hotmail.cm", 91) is None
    assert similarity("abc", "abd", 66) == Fraction(2, 3)
    assert similarity("abc", "abd", 67) is None


def test_phone() -> None:
    """The page's two phone numbers are the same one."""
    assert normalize.phone("+01 425.555.1212") == normalize.phone("1 (425) 555-1212 ext. 9") == "14255551212"


def test_recency_in_merge() -> None:
    """The most recent value is chosen among rows that have one; keys are written in key order, escaped."""
    table = replace(deduplicated(CONTACT, EMAIL), content=("email", "first"))
    first = profile_column(
        "first",
        (table.name, "first"),
        (LEAD.name, "first"),
        prefer=("most_recent", {table.name: "at", LEAD.name: "at"}),
    )
    project = Project((table, LEAD), (Between(table.name, LEAD.name, (EMAIL,)),), (first,))
    people = rows(table, "email first at", ("a;", "m", "Ann", 5), ("a\\", "m", "", 7))
    leads = rows(LEAD, "email first at", (1, "m", "Annie", None), (2, "m", "", 9))
    ((own, profile),) = (found := run(project, people, leads)).profiles.items()
    assert (profile["first"], found.origins[own]["first"]) == ("Ann", (table.name, "a;"))
    assert (profile["crm_contact_id"], profile["crm_contact_id_Alternate"]) == ("a;", "a\\;;a\\\\")


def by_mail(**emails: str) -> Rows:
    """Rows that are one customer where their e-mail is the same."""
    return {(CONTACT.name, key): {"email": email} for key, email in emails.items()}


def runs(*states: Rows) -> list[Result]:
    """Run after run over rows that belong together by e-mail."""
    return replay(Project((deduplicated(CONTACT, EMAIL),)), states)


def named(run_number: int, key: Key) -> UUID:
    """Return the id that a run makes for a profile with this smallest key of the only table."""
    return uuid5(seed_of(run_number), f"crm.contact\0{key}")


def owners(result: Result) -> dict[UUID, str]:
    """Return the keys of each profile in one text."""
    return {own: "".join(sorted(str(key) for _, key in customer)) for own, customer in result.customers.items()}


def test_first_ids() -> None:
    """An id is made of the run's seed, the table and the smallest key, integers in decimal and by value."""
    found = run(Project((deduplicated(CONTACT, EMAIL),)), {(CONTACT.name, key): {"email": "m"} for key in (10, 9)})
    assert set(found.customers) == {named(1, 9)}
    assert found.previous == {named(1, 9): ()}


def test_ids_of_a_merge() -> None:
    """When two profiles become one, that with more rows keeps its id and the other's id resolves to it."""
    before, after = runs(by_mail(a="m", b="n", c="n"), by_mail(a="m", b="m", c="m"))
    big, small = named(1, "b"), named(1, "a")
    assert owners(after) == {big: "abc"}
    assert after.previous == {big: (small,)}
    assert after.state.resolve(small) == after.state.resolve(big) == {big}
    assert before.state.resolve(small) == {small}


def test_ids_of_a_split() -> None:
    """When a profile splits, the larger part keeps the id and the rest knows where it was."""
    _, after = runs(by_mail(a="m", b="m", c="m"), by_mail(a="n", b="m", c="m"))
    old, new = named(1, "a"), named(2, "a")
    assert owners(after) == {old: "bc", new: "a"}
    assert after.previous == {old: (), new: (old,)}
    assert after.state.resolve(old) == {old}


def test_equal_claims() -> None:
    """With as many shared rows the older id stays; with one old id the new profile with the smallest record has it."""
    *_, late = runs(by_mail(b="m"), by_mail(a="n", b="m"), by_mail(a="m", b="m"))
    assert owners(late) == {named(1, "b"): "ab"}
    *_, halves = runs(by_mail(a="m", b="m"), by_mail(a="m", b="n"))
    assert owners(halves) == {named(1, "a"): "a", named(2, "b"): "b"}


def test_a_vanished_id_with_two_heirs() -> None:
    """A vanished id resolves to every profile of today that holds its last rows; the lists only grow."""
    *_, merged, apart = runs(
        by_mail(a="m", b="m", c="n", d="n", e="n"),
        by_mail(a="n", b="n", c="n", d="n", e="n"),
        by_mail(a="o", b="n", c="n", d="n", e="n"),
    )
    gone, kept, new = named(1, "a"), named(1, "c"), named(3, "a")
    assert (owners(merged), merged.previous) == ({kept: "abcde"}, {kept: (gone,)})
    assert owners(apart) == {kept: "bcde", new: "a"}
    assert apart.previous == {kept: (gone,), new: (kept,)}
    assert apart.state.resolve(gone) == {kept, new}


def test_gone_for_good() -> None:
    """An id whose rows are in no profile of one run is gone, and the row created again has a new id."""
    *_, absent, again = runs(by_mail(a="m", b="n"), by_mail(b="n"), by_mail(a="m", b="n"))
    old = named(1, "a")
    assert absent.state.resolve(old) == again.state.resolve(old) == frozenset()
    assert owners(again) == {named(1, "b"): "b", named(3, "a"): "a"}
    with pytest.raises(KeyError):
        again.state.resolve(named(9, "a"))

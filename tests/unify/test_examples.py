"""The page's worked examples, and what the oracle does not know: filters, semantic types, and where values are from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.oracle.model import (
    Between,
    Cluster,
    Evidence,
    Keep,
    Key,
    ProfileColumns,
    Project,
    Record,
    Row,
    Rule,
    Table,
    on,
    profile_column,
)
from tests.unify import harness

from backstamp import pipeline, shapes
from backstamp.unify import history, merge, profile, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp.engine import Engine

EMPTY: Row = dict.fromkeys(harness.TYPES)
EMAIL = Rule("Email", (on("email"),))
CONTACT, LEAD = "crm.contact", "crm.lead"


def rows(table: str, columns: str, *values: tuple[Any, ...]) -> dict[Record, Row]:
    """Write rows of a table, the key first."""
    return {(table, key): {**EMPTY, **dict(zip(columns.split(), row, strict=True))} for key, *row in values}


def groups(outcome: harness.Outcome, table: str) -> set[frozenset[Key]]:
    """Return the keys of each group of a table."""
    found: dict[Key, set[Key]] = {}
    for key, group in outcome.groups[table].items():
        found.setdefault(group, set()).add(key)
    return {frozenset(keys) for keys in found.values()}


def customers(outcome: harness.Outcome) -> set[frozenset[Key]]:
    """Return the keys of each customer."""
    return {frozenset(key for _, key in records) for records in outcome.customers.values()}


def deduplicated(warehouse: Engine, rule: Rule, people: dict[Record, Row], key: str = "id") -> harness.Outcome:
    """Unify one table that has one rule."""
    return harness.unified(warehouse, Project((Table(CONTACT, key, deduplicate=(rule,)),)), people, None, 1)


def test_duplicates_of_two_tables(warehouse: Engine) -> None:
    """Example a: most filled wins, the larger key wins a tie, and the profile names winners and alternates."""
    content = ("first", "last", "email")
    contact = Table(CONTACT, "number", deduplicate=(EMAIL,), content=content)
    lead = Table(LEAD, "number", include_all=True, deduplicate=(EMAIL,), content=content)
    columns = tuple(profile_column(name, (CONTACT, name), (LEAD, name)) for name in content)
    mail = "monica.thomson@contoso.com"
    people = rows(CONTACT, "first last email", (1, None, "Thomson", mail), (2, "Monica", "Smith", mail))
    people |= rows(LEAD, "first last email", (100, "Moni", "Thomson", mail), (200, "Monica", "Smith", mail))
    project = Project((contact, lead), (Between(CONTACT, LEAD, (EMAIL,)),), columns)
    found = harness.unified(warehouse, project, people, None, 1)
    assert found.winners == {CONTACT: {1: 2, 2: 2}, LEAD: {100: 200, 200: 200}}
    assert found.matches == {Evidence("Email", (LEAD, 100), (CONTACT, 1), Fraction(1))}
    (made,) = found.profiles.values()
    assert (made["first"], made["last"], made["email"]) == ("Monica", "Smith", mail)
    assert (made["crm_contact_number"], made["crm_contact_number_Alternate"]) == (2, "1;2")
    assert (made["crm_lead_number"], made["crm_lead_number_Alternate"]) == (200, "100;200")


def test_chain(warehouse: Engine) -> None:
    """Example c: rows joined through other rows, by different rules, are one group."""
    both = (Rule("Phone", (on("last"), on("phone"))), Rule("Email", (on("last"), on("email"))))
    people = rows(
        CONTACT,
        "last phone email",
        ("1", "Moss", "5", "x"),
        ("2", "Moss", "5", "y"),
        ("3", "Moss", "6", "y"),
        ("4", "Hay", "7", "z"),
    )
    found = harness.unified(warehouse, Project((Table(CONTACT, "id", deduplicate=both),)), people, None, 1)
    assert groups(found, CONTACT) == customers(found) == {frozenset("123"), frozenset("4")}
    assert {evidence.rule for evidence in found.duplicates.values()} == {"Phone", "Email"}


def test_twins(warehouse: Engine) -> None:
    """Example d: twins have another first name, and an exception for that: two customers; a name may be missing."""
    born = (on("last"), on("phone"), on("updated"))
    rule = Rule("Born", born, exceptions=((replace(on("first", "name"), differs=True),),))
    day = datetime(2001, 5, 4)  # noqa: DTZ001 - times are UTC and kept without a zone
    told = "last phone updated first"
    twins = (("1", "Moss", "Rome", day, "Debby"), ("2", "Moss", "Rome", day, "Ann"))
    again = (("3", "Moss", "Rome", day, "deborah"), ("4", "Moss", "Oslo", day, None))
    found = deduplicated(warehouse, rule, rows(CONTACT, told, *twins, *again))
    assert groups(found, CONTACT) == customers(found) == {frozenset("13"), frozenset("2"), frozenset("4")}
    assert warehouse.rows(warehouse.table("excepted")) == []
    joined = rows(CONTACT, told, *twins, *again, ("5", "Moss", "Rome", day, None))
    assert groups(deduplicated(warehouse, rule, joined), CONTACT) == {frozenset("1235"), frozenset("4")}
    assert warehouse.rows(warehouse.table("excepted")) == [{"customer": 1, "rule": "Born", "left": 1, "right": 2}]


def test_two_leads_of_one_contact(warehouse: Engine) -> None:
    """Example e: a never pair lets one lead join the contact that both match; the other is a customer of its own."""
    tables = Table(CONTACT, "id"), Table(LEAD, "id", include_all=True, deduplicate=())
    never = (((LEAD, "L1"), (LEAD, "L2")),)
    project = Project(tables, (Between(CONTACT, LEAD, (EMAIL,)),), never=never)
    people = rows(CONTACT, "email", ("c1", "x")) | rows(LEAD, "email", ("L2", "x"), ("L1", "x"))
    found = harness.unified(warehouse, project, people, None, 1)
    assert customers(found) == {frozenset({"c1", "L1"}), frozenset({"L2"})}


def mail_first(*, first: bool) -> tuple[Rule, ...]:
    """Return the rules of example f."""
    rules = EMAIL, Rule("Phone", (on("phone"),))
    return rules if first else rules[::-1]


@pytest.mark.parametrize(
    ("first", "wanted", "refused"),
    [
        (True, {"1234", "x", "y"}, {("2", "x"), ("3", "y")}),
        (False, {"14", "23xy"}, {("1", "2"), ("1", "3"), ("2", "4"), ("3", "4")}),
    ],
)
def test_refused_links(warehouse: Engine, wanted: set[str], refused: set[tuple[str, str]], *, first: bool) -> None:
    """Example f: links are taken in order, and one that would bring a never pair together is refused and listed."""
    table = Table(CONTACT, "id", deduplicate=mail_first(first=first))
    never = tuple(((CONTACT, "1"), (CONTACT, key)) for key in "xy")
    people = rows(CONTACT, "email phone", ("1", "m", "0"), ("2", "m", "5"), ("3", "m", "6"), ("4", "m", "9"))
    people |= rows(CONTACT, "email phone", ("x", None, "5"), ("y", None, "6"))
    found = harness.unified(warehouse, Project((table,), never=never), people, None, 1)
    assert groups(found, CONTACT) == customers(found) == {frozenset(keys) for keys in wanted}
    assert {(left[1], right[1]) for left, right, _ in found.refused} == refused


def test_placing(warehouse: Engine) -> None:
    """Example g: groups are placed in the order of their first choices; a closed one takes the next open."""
    tables = Table(CONTACT, "id", deduplicate=()), Table(LEAD, "id", include_all=True, deduplicate=())
    rules = tuple(Rule(column, (on(column),)) for column in ("email", "phone", "last"))
    never = tuple(((LEAD, one), (LEAD, other)) for one, other in ("AB", "BC"))
    project = Project(tables, (Between(CONTACT, LEAD, rules),), never=never)
    people = rows(CONTACT, "email phone last", ("c1", "x", None, None), ("c2", None, "5", "Moss"))
    people |= rows(LEAD, "email phone last", ("A", "x", None, None), ("B", "x", None, "Moss"), ("C", None, "5", None))
    found = harness.unified(warehouse, project, people, None, 1)
    assert customers(found) == {frozenset({"c1", "A"}), frozenset({"c2", "B"}), frozenset({"C"})}
    assert {evidence.rule for evidence in found.matches} == {"email", "last"}


def test_always_pairs_of_two_tables(warehouse: Engine) -> None:
    """The smallest partner that a customer owns decides; the others are refused, or do nothing, and are listed."""
    tables = Table(CONTACT, "id"), Table(LEAD, "id"), Table("loyalty.member", "id", include_all=True)
    always = (((CONTACT, "b"), (LEAD, "d")), ((LEAD, "d"), (CONTACT, "a")), ((LEAD, "e"), ("loyalty.member", "f")))
    people = rows(CONTACT, "email", ("a", "x"), ("b", "y")) | rows(LEAD, "email", ("d", "y"), ("e", "z"))
    people |= rows("loyalty.member", "email", ("f", "z"))
    project = Project(tables, (Between(CONTACT, LEAD, (EMAIL,)),), always=always)
    found = harness.unified(warehouse, project, people, None, 1)
    assert customers(found) == {frozenset("ad"), frozenset("b"), frozenset("f")}
    assert found.matches == {Evidence("always", (LEAD, "d"), (CONTACT, "a"), None)}
    refused = warehouse.table("refused").rename(record="left").inner_join(warehouse.table("records"), "record")
    listed = {(row["key"], row["reason"]) for row in warehouse.rows(refused)}
    assert listed == {("b", "elsewhere"), ("e", "no customer")}


SIMILAR = "robert2020@hotmail.com", "robrt2020@hotmail.cm"


@pytest.mark.parametrize(("per_cent", "wanted"), [(90, {Fraction(9, 10)}), (91, set())])
def test_a_score_at_its_threshold(warehouse: Engine, per_cent: int, wanted: set[Fraction]) -> None:
    """Two characters of the shorter one's twenty are missing: 0.9 exactly, enough at 90 % and not at 91 %."""
    rule = Rule("Similar", (on("last"), on("email", precision=per_cent)))
    people = rows(CONTACT, "last email", *((str(place), "Moss", text) for place, text in enumerate(SIMILAR)))
    found = deduplicated(warehouse, rule, people)
    assert {evidence.score for evidence in found.duplicates.values()} == wanted


@pytest.mark.parametrize(("holders", "linked"), [(3, True), (4, False)])
def test_shared_values(warehouse: Engine, holders: int, *, linked: bool) -> None:
    """A value that more rows hold than a rule allows links none of them; the same rows without it are not counted."""
    rule = Rule("Phone", (on("phone", "phone"),), max_rows_per_key=3)
    shared = [(str(place), f"{'0' * place}425") for place in range(holders)]
    people = rows(CONTACT, "phone", *shared, ("x", None), ("y", "ext"), ("z", "7"))
    found = deduplicated(warehouse, rule, people)
    together = {frozenset(key for key, _ in shared)} if linked else {frozenset(key) for key, _ in shared}
    assert groups(found, CONTACT) == together | {frozenset("x"), frozenset("y"), frozenset("z")}
    kept = warehouse.rows(warehouse.table("shared_values"))
    assert [(row["rule"], row["columns"], row["values"], row["holders"]) for row in kept] == (
        [] if linked else [("Phone", ["phone"], ["425"], holders)]
    )


def test_shared_values_of_two_tables(warehouse: Engine) -> None:
    """In a match the rows of both tables count, each table's own share being allowed."""
    rule = Rule("Phone", (on("phone"),), max_rows_per_key=3)
    alone = Table(CONTACT, "id", deduplicate=()), Table(LEAD, "id", include_all=True, deduplicate=())
    project = Project(alone, (Between(CONTACT, LEAD, (rule,)),))
    people = rows(CONTACT, "phone", ("a", "5"), ("b", "5"), ("c", "6"))
    people |= rows(LEAD, "phone", ("d", "5"), ("e", "5"), ("f", "6"))
    found = harness.unified(warehouse, project, people, None, 1)
    assert customers(found) == {frozenset("cf"), *map(frozenset, "abde")}
    [kept] = warehouse.rows(warehouse.table("shared_values"))
    assert list(kept.values())[:-1] == ["Phone", LEAD, CONTACT, ["phone"], ["5"], 4]


def unified(warehouse: Engine, said: settings.Unify, project: Project, people: dict[Record, Row]) -> None:
    """Unify as these settings say, the tables being those of the project."""
    sources = harness.land(warehouse, project, people)
    pipeline.unify(warehouse, said, pipeline.Given(sources), None, run=1, seed=uuid4(), stage=harness.nobody)


def profiles(warehouse: Engine, *names: str) -> set[tuple[Any, ...]]:
    """Return these columns of all profiles."""
    return {tuple(row[name] for name in names) for row in warehouse.rows(warehouse.table("profiles"))}


PEOPLE = Project((Table(CONTACT, "id", deduplicate=(EMAIL,)),))
WHERE: list[tuple[dict[str, str | int | bool | tuple[str, ...]], str]] = [
    ({"points": 0}, "ad"),
    ({"last": "Moss"}, "ab"),
    ({"last": "Moss", "points": 0}, "a"),
    ({"id": "b"}, "b"),
    ({"email": ("n", "o")}, "bd"),
    ({"email": ("m", "n"), "last": "Moss"}, "ab"),
    ({"last": "nobody"}, ""),
]


@pytest.mark.parametrize(("where", "wanted"), WHERE, ids=str)
def test_row_filters(warehouse: Engine, where: dict[str, str | int | bool | tuple[str, ...]], wanted: str) -> None:
    """A row takes part where it meets every condition; a null meets none; who does not is in no group or profile."""
    people = rows(
        CONTACT,
        "email last points",
        ("a", "m", "Moss", 0),
        ("b", "n", "Moss", 1),
        ("c", "m", None, None),
        ("d", "o", "", 0),
    )
    said = harness.settings_of(PEOPLE)
    said = replace(said, tables=(replace(said.tables[0], where=where),))
    unified(warehouse, said, PEOPLE, people)
    for name in ("members", "records"):
        assert {row["key"] for row in warehouse.rows(warehouse.table(name))} == set(wanted)
    assert warehouse.count(warehouse.table("customers")) == len(profiles(warehouse, "crm_contact_id")) == len(wanted)


TYPES: Mapping[str, Mapping[str, str]] = {
    CONTACT: {"first": "Person.FirstName", "email": "Identity.Service.Email", "points": "Custom.Points"},
    LEAD: {"last": "Person.FirstName", "email": "Identity.Service.Email"},
}
TWO = Project(
    (Table(CONTACT, "id", deduplicate=()), Table(LEAD, "number", include_all=True, deduplicate=())),
    (Between(CONTACT, LEAD, (Rule("Phone", (on("phone"),)),)),),
)


def test_semantic_types(warehouse: Engine) -> None:
    """Columns of one semantic type are one profile column, by match order, named by the last part of the type."""
    people = rows(CONTACT, "phone first email points", ("a", "5", "Ada", "", 7), ("b", "6", None, None, None))
    people |= rows(LEAD, "phone last email", (1, "5", "Lovelace", "ada@x"), (2, "9", "Bob", None))
    said = harness.settings_of(TWO)
    said = replace(said, tables=tuple(replace(table, types=dict(TYPES[table.table])) for table in said.tables))
    unified(warehouse, said, TWO, people)
    wanted = {("Ada", "ada@x", 7), (None, None, None), ("Bob", None, None)}
    assert profiles(warehouse, "FirstName", "Email", "Points") == wanted
    columns = set(warehouse.table("profiles").columns)
    assert columns == {
        "customer_id",
        "previous_customer_id",
        "made_in_run",
        "FirstName",
        "Email",
        "Points",
        "crm_contact_id",
        "crm_contact_id_Alternate",
        "crm_lead_number",
        "crm_lead_number_Alternate",
    }


def test_a_column_that_the_file_names_is_combined_no_more(warehouse: Engine) -> None:
    """What the file puts into a profile column stands in no other, and its own list says all of it."""
    said = harness.settings_of(TWO)
    tables = tuple(replace(table, types=dict(TYPES[table.table])) for table in said.tables)
    named = {"Mail": settings.ProfileColumn((f"{LEAD}.email", f"{CONTACT}.email"))}
    said = replace(said, tables=tables, profile=settings.Profile(named))
    people = rows(CONTACT, "phone email", ("a", "5", "one")) | rows(LEAD, "phone email", (1, "5", "two"))
    unified(warehouse, said, TWO, people)
    assert profiles(warehouse, "Mail") == {("two",)}
    assert {name for taken in profile.taken(said, {}) for name in taken.columns} == {"FirstName", "Points", "Mail"}


def test_an_address_comes_from_one_row(warehouse: Engine) -> None:
    """Example b: with a group the address has no line of another row; without it each line comes from where it is."""
    lines = ("first", "last", "email")
    people = rows(CONTACT, "phone first last email", ("a", "5", "200 Cedar Springs Rd", "", "Dallas"))
    people |= rows(LEAD, "phone first last email", (1, "5", "5000 15th Street", "Suite 950", "Redmond"))
    together = ProfileColumns(tuple((table, {line: line for line in lines}) for table in (CONTACT, LEAD)))
    apart = tuple(profile_column(line, (CONTACT, line), (LEAD, line)) for line in lines)
    unified(warehouse, harness.settings_of(replace(TWO, profile=(together,))), TWO, people)
    assert profiles(warehouse, *lines) == {("200 Cedar Springs Rd", None, "Dallas")}
    unified(warehouse, harness.settings_of(replace(TWO, profile=apart)), TWO, people)
    assert profiles(warehouse, *lines) == {("200 Cedar Springs Rd", "Suite 950", "Dallas")}


def test_what_the_profile_takes_by_itself(warehouse: Engine) -> None:
    """By semantic type, by name and kind, or separate; the file can rename, separate and exclude."""
    types = {CONTACT: {"first": "Person.FirstName", "email": "Mail", "updated": "Time"}, LEAD: {"first": "Mail"}}
    said = harness.settings_of(TWO)
    said = replace(
        said,
        tables=tuple(replace(table, types=types[table.table]) for table in said.tables),
        profile=settings.Profile(
            include=(f"{CONTACT}.last", f"{LEAD}.last", f"{LEAD}.points", f"{LEAD}.phone"),
            separate=(f"{LEAD}.first", f"{LEAD}.phone"),
            exclude=(f"{CONTACT}.updated",),
            rename={"last": "Name", "crm_lead_points": "Points"},
        ),
    )
    unified(warehouse, said, TWO, rows(CONTACT, "phone last", ("a", "5", "Moss")) | rows(LEAD, "points", (1, 3)))
    columns = [name for name in warehouse.table("profiles").columns if name.lower() not in shapes.PROFILES.names]
    keys = {name for name in columns if "_id" in name or "_number" in name}
    assert set(columns) - keys == {"FirstName", "Mail", "Name", "Points", "crm_lead_first", "crm_lead_phone"}
    assert profiles(warehouse, "Name", "Points") == {("Moss", None), (None, 3)}


def test_a_column_with_a_preference_of_its_own(warehouse: Engine) -> None:
    """The winner stays, with the newest e-mail of its group that there is; its origin is the row that has it."""
    keep: dict[str, Keep] = {"email": ("most_recent", "points")}
    table = Table(
        CONTACT, "id", deduplicate=(Rule("Phone", (on("phone"),)),), content=("first", "last"), keep_column=keep
    )
    project = Project((table,), profile=tuple(profile_column(name, (CONTACT, name)) for name in ("first", "email")))
    people = rows(
        CONTACT,
        "phone first email points",
        ("a", "5", "Ada", "old", 1),
        ("b", "5", "", "new", 2),
        ("c", "5", "", "", 3),
    )
    unified(warehouse, harness.settings_of(project), project, people)
    assert profiles(warehouse, "first", "email", "crm_contact_id") == {("Ada", "new", "a")}


def test_households(warehouse: Engine) -> None:
    """A last name and an address make a home: nicknames of streets count, a place that is nowhere, but no street."""
    types = {"last": "Person.LastName", "first": "Location.Street", "email": "Location.City"}
    said = harness.settings_of(PEOPLE)
    people = rows(
        CONTACT,
        "last first email",
        ("a", "Moss", "1 Main Street", ""),
        ("b", "moss", "1 Main St", None),
        ("c", "Moss", "1 Main St", "Rome"),
        ("d", "Hay", "1 Main St", "Rome"),
        ("e", "Moss", "", "Rome"),
        ("f", "Moss", None, "Rome"),
    )
    alone = settings.Deduplicate(rules=())
    said = replace(said, tables=(replace(said.tables[0], types=types, deduplicate=alone),), clusters=("household",))
    unified(warehouse, said, PEOPLE, people)
    homes: dict[str, set[str]] = {}
    for row in warehouse.rows(warehouse.table("profiles")):
        homes.setdefault(row["household_id"], set()).add(row["crm_contact_id"])
    assert sorted(map(sorted, homes.values())) == [["a", "b"], ["c", "d", "e", "f"]]


def test_a_cluster_follows_its_profiles(warehouse: Engine) -> None:
    """A cluster keeps its id by the profiles that it shares, one that took the place of a vanished one among them."""
    alone = Table(CONTACT, "id", deduplicate=(EMAIL,))
    first = profile_column("first", (CONTACT, "first"))
    project = Project((alone,), profile=(first,), clusters=(Cluster("home", (Rule("First", (on("first"),)),)),))

    def home(before: history.Before | None, run: int, **people: str) -> set[str]:
        said = (tuple(value.split()) for value in people.values())
        drawn = rows(CONTACT, "email first", *((key, *value) for key, value in zip(people, said, strict=True)))
        harness.unified(warehouse, project, drawn, before, run)
        return {row["home_id"] for row in warehouse.rows(warehouse.table("profiles")) if row["home_id"]}

    (old,) = home(None, 1, a="1 x", b="2 x", c="3 y", d="3 y", e="4 z", f="4 z")
    # Both profiles vanish: their rows are now in two others.
    assert home(harness.before(warehouse), 2, a="3 y", c="3 y", d="3 y", b="4 y", e="4 y", f="4 y") == {old}


def test_an_id_follows_its_value(warehouse: Engine) -> None:
    """A derived id stays with who had it, whoever else comes with its value; it goes and comes back with the value."""
    project = Project((Table(CONTACT, "id", deduplicate=()),), ids_from=((CONTACT, "email"),))

    def ids(before: history.Before | None, run: int, **emails: str | None) -> dict[str, str]:
        people = rows(CONTACT, "email", *emails.items())
        found = harness.unified(warehouse, project, people, before, run)
        return {str(key): str(own) for own, records in found.customers.items() for _, key in records}

    first = ids(None, 1, c="x")["c"]
    second = ids(harness.before(warehouse), 2, a="x", c="x")
    assert second["c"] == first != second["a"]
    third = ids(harness.before(warehouse), 3, a=None, c="y")
    assert third["a"] == second["a"]
    assert third["c"] != first
    assert ids(harness.before(warehouse), 4, a="x", c="y") == {"a": first, "c": third["c"]}
    fifth = ids(harness.before(warehouse), 5, a=None, c="y")
    assert fifth["a"] not in {first, second["a"]}


def test_tables_to_look_at(warehouse: Engine) -> None:
    """People see how each row was deduplicated, and which keys of all tables a customer has."""
    people = rows(CONTACT, "phone email", ("a;", "5", "m"), ("b", "5", "m"), ("c", "6", "n"))
    people |= rows(LEAD, "phone", (1, "5"), (2, "7"))
    project = replace(TWO, tables=(Table(CONTACT, "id", deduplicate=(EMAIL,)), TWO.tables[1]))
    unified(warehouse, harness.settings_of(project), project, people)
    shown = warehouse.rows(warehouse.table("Deduplication_crm_contact").order_by("key"))
    assert [tuple(row[name] for name in shapes.DEDUPLICATION.names) for row in shown] == [
        ("a;", "a\\;;b", "a;", "Email", 1.0, "b"),
        ("b", "a\\;;b", "a;", None, None, "b"),
        ("c", "c", "c", None, None, "c"),
    ]
    assert [row["phone"] for row in shown] == ["5", "5", "6"]
    (pair,) = warehouse.rows(warehouse.table("ConflationMatchPairs"))
    assert (pair["crm_contact_id"], pair["crm_contact_id_Alternate"], pair["crm_lead_number"]) == ("b", "a\\;;b", "1")


def test_last_change_of_a_match(warehouse: Engine) -> None:
    """The time of a match is that of the run in which its keys changed, whatever else changes."""
    people = rows(CONTACT, "phone", ("a", "5"), ("b", "6")) | rows(LEAD, "phone", (1, "5"), (2, "6"))
    times: list[dict[str, Any]] = []
    for email in ("x", "y"):
        people[CONTACT, "a"] = {**people[CONTACT, "a"], "email": email}
        people |= rows(LEAD, "phone", (3, "6")) if email == "y" else {}
        before = harness.before(warehouse) if times else None
        harness.unified(warehouse, TWO, people, before, len(times) + 1)
        found = warehouse.rows(warehouse.table("ConflationMatchPairs"))
        times.append({row["crm_contact_id"]: row["last_change"] for row in found})
        warehouse.publish()
    assert times[0]["a"] == times[1]["a"] == times[0]["b"] < times[1]["b"]


def test_origins(warehouse: Engine) -> None:
    """For each value of a profile the row it came from is told; for none where there is no value."""
    columns = tuple(profile_column(name, (CONTACT, name), (LEAD, name)) for name in ("first", "last", "email"))
    newest: ProfileColumns = profile_column("points", (LEAD, "points"), prefer=("most_recent", {LEAD: "points"}))
    project = replace(TWO, profile=(*columns, newest))
    people = rows(CONTACT, "phone first last", ("a", "5", "Ada", ""))
    people |= rows(LEAD, "phone first last points", (1, "5", "Moni", "Moss", 3), (2, "5", "Eve", None, 9))
    said = harness.settings_of(project)
    unified(warehouse, said, project, people)
    keys = {row["record"]: row["key"] for row in warehouse.rows(warehouse.table("records"))}
    tables = list(pipeline.numbered(said, harness.land(warehouse, project, people)))
    found = merge.origins(warehouse, tables, warehouse.table("customers"), profile.taken(said, {}))
    (origin,) = warehouse.rows(found.drop("customer"))
    assert {name: keys.get(record) for name, record in origin.items()} == {
        "first": "a",
        "last": "1",
        "email": None,
        "points": "2",
    }

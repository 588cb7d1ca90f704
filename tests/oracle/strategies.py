"""Random projects, rows and changes for Hypothesis.

The alphabets are small, so that matches, chains, shared values and near-misses are frequent. All tables have the same
columns; a table's keys are texts if its key column is `id` and integers if it is `number`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from tests.oracle.match import match
from tests.oracle.model import (
    Between,
    Cluster,
    Condition,
    Keep,
    Key,
    Pair,
    Prefer,
    ProfileColumns,
    Project,
    Record,
    Row,
    Rows,
    Rule,
    Table,
    profile_column,
)
from tests.oracle.unification import filtered, groups_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TABLES = ("crm.contact", "crm.lead", "loyalty.member")
KEYS: Mapping[str, Sequence[Key]] = {
    "id": (
        "a",
        "B",
        "b",
        "é",
        "e",
        "Z",
        "9",
        "10",
        "a;",
        "a\\",
        ";",
        "a b",
        "ä",
        "\U0001f600",
        "\uff5e",
        *"cdfghijklmn",
    ),
    "number": (-10, -9, 0, *range(5, 15), 99, 100, 101, 1000, 2**53, 2**53 + 1, *range(20, 30)),
}
TEXTS: Mapping[str, Sequence[str]] = {
    "email": ("", "a@x", "A@X", "a @x", "ab@x", "b@x", "B@X", "bc@x", "c@y"),
    "phone": (
        *(" ", "+0123", "123", "12-3", "123 ext 4", "123#4", "1234", "124", "(5) 55", "x"),
        *("+01 425.555.1212", "(425) 555-1212", "0425 555 1212", "+49 30 123456", "030 123456", "49030 123456"),
    ),
    "first": (
        *("", "Ann", "ann", "An-n", "Anna", "Hanna", "Robert", "Robrt", "Jos\u00e9", "Jose\u0301"),
        *("Bob", "Mr. Rob", "Jose", "Pepe", "Ann Robert", "Robert, Ann"),
    ),
    "last": (
        "-",
        "Lee Ltd",
        "Lee St.",
        "Lee Street",
        "Stra\u00dfe",
        "STRASSE",
        "Strase",
        "Le e",
        "Lee",
        "Smith",
        "Smyth",
        "Smithe",
    ),
}
VALUES: Mapping[str, Sequence[Any]] = {
    **TEXTS,
    "points": (0, 1, 2, 10, -1),
    "updated": tuple(datetime(2026, 1, day, tzinfo=UTC).replace(tzinfo=None) for day in (1, 2, 3, 10)),
}
NORMALIZERS: Mapping[str, Sequence[str]] = {
    "email": ("lowercase", "whitespace"),
    "phone": ("phone", "symbols", "whitespace"),
    "first": ("lowercase", "symbols", "name", "token_order", "unicode_to_ascii"),
    "last": ("whitespace", "lowercase", "symbols", "address", "organization", "numerals"),
    "points": ("symbols",),  # under a normalizer a number is a text: -1 becomes 1
}
REGIONS = (None, None, "US", "DE")  # where telephone numbers without a country code are from
VALUE_COLUMNS = (*TEXTS, "points")  # what ids may be derived from
TOGETHER = ("email", "phone")  # the columns of the profile that may be taken together from one row
OF_THEIR_OWN = ("first", "last", "points")  # the columns that may have a preference of their own in a table
STRONG = ("medium", "high", 60, 67, 75, 80, 100)  # what a rule without exact conditions may ask for
ANY = ("low", 25, 34, 50, *STRONG)


def some(values: Sequence[Any], least: int = 0, most: int | None = None) -> st.SearchStrategy[Any]:
    """Draw different values in any order, as a tuple."""
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique=True).map(tuple)


@st.composite
def conditions(draw: st.DrawFn, precisions: Sequence[Any], *, crossed: bool) -> Condition:
    """Draw a condition with one of these precisions, None is exact; `crossed` may compare two different columns."""
    precision = draw(st.sampled_from(precisions))
    left = right = draw(st.sampled_from(tuple(TEXTS) if precision else (*TEXTS, "email", "points")))
    if crossed and left == "first" and draw(st.booleans()):
        right = "last"
    normalize = draw(some(NORMALIZERS[left]))
    region = draw(st.sampled_from(REGIONS)) if "phone" in normalize else None
    lists = draw(alias_and_bypass(tuple(map(str, (*VALUES[left], *VALUES[right]))))) if draw(SELDOM) else {}
    return Condition(left, right, normalize, precision, default_region=region, **lists)


SELDOM = st.sampled_from((True, False, False, False))


def alias_and_bypass(values: Sequence[str]) -> st.SearchStrategy[Mapping[str, Any]]:
    """Draw lists of values that count as equal and of those that count as empty, of these values."""
    value = st.sampled_from(values)
    alias = st.lists(st.tuples(value, value), max_size=3).map(tuple)
    return st.fixed_dictionaries({"alias": alias, "bypass": some(tuple(dict.fromkeys(values)), most=2)})


@st.composite
def exceptions(draw: st.DrawFn, *, crossed: bool) -> tuple[Condition, ...]:
    """Draw an exception of one or two conditions, each *same* or *different*."""
    drawn = draw(st.lists(conditions((None, None, *ANY), crossed=crossed), min_size=1, max_size=2))
    return tuple(replace(condition, differs=draw(st.sampled_from((True, True, False)))) for condition in drawn)


@st.composite
def rules(draw: st.DrawFn, name: str, *, crossed: bool) -> Rule:
    """Draw a rule: exact and fuzzy conditions, or only fuzzy ones that are strong enough."""
    anchored = draw(st.sampled_from((True, True, False)))
    first = draw(conditions((None,) if anchored else STRONG, crossed=crossed))
    more = draw(st.lists(conditions((None, *ANY) if anchored else STRONG, crossed=crossed), max_size=1))
    limit = draw(st.sampled_from((1000, 1000, 1000, 1000, 6, 4, 2)))
    unless = draw(st.lists(exceptions(crossed=crossed), max_size=1)) if draw(st.booleans()) else []
    return Rule(name, (first, *more), limit, tuple(unless))


@st.composite
def rule_lists(draw: st.DrawFn, name: str, *, crossed: bool) -> tuple[Rule, ...]:
    """Draw up to three rules."""
    count = draw(st.sampled_from((1, 2, 3, 3, 0)))
    return tuple(draw(rules(f"{name} {number}", crossed=crossed)) for number in range(1, count + 1))


KEEPS: st.SearchStrategy[Keep] = st.sampled_from(
    (
        ("most_filled",),
        ("most_recent", "updated"),
        ("least_recent", "updated"),
        ("most_recent", "points"),
        ("least_recent", "points"),
    )
)


# Most rows of a table pass.
FILTERS = st.fixed_dictionaries({"last": some(TEXTS["last"], len(TEXTS["last"]) * 2 // 3)})


@st.composite
def tables(draw: st.DrawFn, name: str, *, primary: bool) -> Table:
    """Draw a table without its content columns."""
    return Table(
        name,
        draw(st.sampled_from(tuple(KEYS))),
        include_all=primary or draw(st.sampled_from((True, True, False))),
        deduplicate=draw(st.none() | st.just(()) | rule_lists(name, crossed=False)),
        keep=draw(KEEPS),
        keep_column=draw(st.dictionaries(st.sampled_from(OF_THEIR_OWN), KEEPS, max_size=1)),
        default_region=draw(st.sampled_from(REGIONS)),
        where=draw(FILTERS) if draw(SELDOM) else {},
    )


@st.composite
def prefers(draw: st.DrawFn, names: Sequence[str]) -> Prefer:
    """Draw which value a profile column takes."""
    times = dict.fromkeys(names, draw(st.sampled_from(("updated", "points"))))
    kinds: tuple[Prefer, ...] = ("importance",), ("most_recent", times), ("least_recent", times)
    return draw(st.sampled_from(kinds))


@st.composite
def profiles(draw: st.DrawFn, names: Sequence[str]) -> tuple[ProfileColumns, ...]:
    """Draw profile columns of these tables: single ones, and perhaps some that are taken together."""
    drawn = []
    for column in draw(some(tuple(VALUES), 1, 4)):
        listed = draw(some(names, 1))
        drawn.append(profile_column(column, *((name, column) for name in listed), prefer=draw(prefers(listed))))
    if draw(st.booleans()):
        listed = draw(some(names, 1))
        together = {f"together_{column}": column for column in TOGETHER}
        drawn.append(ProfileColumns(tuple((name, together) for name in listed), draw(prefers(listed))))
    return tuple(drawn)


def used(project: Project, table: Table) -> tuple[str, ...]:
    """Return the columns of a table that the project uses: its content (section 1)."""
    own = [condition.left for rule in table.deduplicate or () for condition in conditions_of(rule)]
    for between in project.match:
        compared = [condition for rule in between.rules for condition in conditions_of(rule)]
        own += [condition.left for condition in compared if between.upper == table.name]
        own += [condition.right for condition in compared if between.lower == table.name]
    own += [column for keep in (table.keep, *(table.keep_column or {}).values()) for column in keep[1:]]
    own += [*(table.keep_column or {}), *table.where]
    for columns in project.profile:
        own += [column for name, source in columns.sources if name == table.name for column in source.values()]
        own += [times[table.name] for times in columns.prefer[1:] if table.name in times]
    own += [column for name, column in project.ids_from if name == table.name]
    return tuple(sorted(set(own)))


def conditions_of(rule: Rule) -> list[Condition]:
    """Return the conditions of a rule and of its exceptions."""
    return [*rule.conditions, *(condition for exception in rule.exceptions for condition in exception)]


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """Draw a project of one to three tables."""
    names = TABLES[: draw(st.sampled_from((1, 2, 2, 3, 3)))]
    between = [
        Between(upper, lower, draw(rule_lists(f"{lower} to {upper}", crossed=True)))
        for upper, lower in combinations(names, 2)
    ]
    project = Project(
        tables=tuple(draw(tables(name, primary=name == names[0])) for name in names),
        match=tuple(draw(st.permutations(between))),
        profile=draw(profiles(names)),
        ids_from=draw(some([(name, column) for name in names for column in VALUE_COLUMNS], 1, 3))
        if draw(SELDOM)
        else (),
    )
    content = tuple(replace(table, content=used(project, table)) for table in project.tables)
    return replace(project, tables=content, clusters=draw(clusters(project.profile)))


@st.composite
def clusters(draw: st.DrawFn, profile: Sequence[ProfileColumns]) -> tuple[Cluster, ...]:
    """Draw one kind of cluster, or none: rules over texts among the profile's columns."""
    names = sorted({name for taken in profile for _, source in taken.sources for name in source} & set(TEXTS))

    def same(*precisions: Any) -> Condition:
        column = draw(st.sampled_from(names))
        return Condition(column, column, draw(some(NORMALIZERS[column])), draw(st.sampled_from(precisions)))

    drawn = []
    for number in range(draw(st.sampled_from((0, 1, 2))) if names else 0):
        conditions = (same(None), same(None, *ANY)) if draw(st.booleans()) else (same(None),)
        unless = ((replace(same(None), differs=True),),) if draw(st.booleans()) else ()
        drawn.append(Rule(f"home {number}", conditions, draw(st.sampled_from((1000, 1000, 4))), unless))
    return (Cluster("home", tuple(drawn)),) if drawn else ()


ROW: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {column: st.sampled_from((None, *values)) for column, values in VALUES.items()}
)


@st.composite
def row_sets(draw: st.DrawFn, project: Project, most: int = 25) -> Rows:
    """Draw the rows of all tables of a project, up to `most` in each."""
    drawn: dict[Record, Row] = {}
    for table in project.tables:
        size = draw(st.sampled_from((most // 3, most // 2, most, *range(most))))
        for key in draw(st.lists(st.sampled_from(KEYS[table.key]), min_size=size, max_size=size, unique=True)):
            drawn[table.name, key] = draw(ROW)
    return drawn


def records(project: Project, rows: Rows) -> st.SearchStrategy[Record]:
    """Draw a row that is there, or now and then a key that perhaps no row has."""
    possible = [(table.name, key) for table in project.tables for key in KEYS[table.key]]
    known = sorted(rows, key=project.place)
    return st.sampled_from(known or possible) | st.sampled_from(possible)


def pairs_together(project: Project, rows: Rows) -> tuple[list[Pair], list[Pair]]:
    """Return pairs of rows that are one customer, for never pairs, and those that came to it in different ways."""
    rows = filtered(project, rows)
    customers, joined = match(project, rows, groups_of(project, rows))
    way = {record: (link.rule, link.score) for record, link in joined.items()}
    pairs = [pair for customer in customers for pair in combinations(sorted(customer, key=project.place), 2)]
    return pairs, [(one, two) for one, two in pairs if {one, two} <= way.keys() and way[one] != way[two]]


@st.composite
def overrides(draw: st.DrawFn, project: Project, rows: Rows) -> Project:
    """Add always and never pairs, some of which name no row; no pair is in both."""
    any_two: st.SearchStrategy[Pair] = st.tuples(records(project, rows), records(project, rows))
    any_two = any_two.filter(lambda pair: pair[0] != pair[1])
    parted = [st.sampled_from(pairs) for pairs in pairs_together(project, rows) if pairs]
    never = draw(st.lists(st.one_of(any_two, *parted), max_size=6))
    always = draw(st.lists(any_two.filter(lambda pair: {pair, pair[::-1]}.isdisjoint(never)), max_size=3))
    return replace(project, always=tuple(always), never=tuple(never))


@st.composite
def changes(draw: st.DrawFn, project: Project, rows: Rows) -> Rows:
    """Draw what the rows are later: some deleted, some edited, some new or written again."""
    changed = rows
    for record in draw(st.lists(records(project, rows), max_size=6)):
        changed = draw(changes_of(record, changed))
    return changed


@st.composite
def changes_of(draw: st.DrawFn, record: Record, rows: Rows) -> Rows:
    """Draw what the rows are later if one of them is deleted, edited, new or written again."""
    kind = draw(st.sampled_from(("delete", "edit", "write")))
    others = {other: row for other, row in rows.items() if other != record}
    if kind == "delete":
        return others
    if kind == "edit" and record in rows:
        column = draw(st.sampled_from(tuple(VALUES)))
        return {**rows, record: {**rows[record], column: draw(ROW)[column]}}
    return {**rows, record: draw(ROW)}


@dataclass(frozen=True)
class History:
    """A project, and the rows of all its tables at each of several runs."""

    project: Project
    states: tuple[Rows, ...]


@st.composite
def histories(draw: st.DrawFn, *, runs: int = 3, most: int = 25, with_overrides: bool = False) -> History:
    """Draw a project and its rows at up to so many runs."""
    project = draw(projects())
    states = [draw(row_sets(project, most))]
    project = draw(overrides(project, states[0])) if with_overrides else project
    for _ in range(draw(st.integers(0, runs - 1))):
        states.append(draw(changes(project, states[-1])))
    return History(project, tuple(states))


@dataclass(frozen=True)
class Step:
    """What a run finds: the project, which differs from that of the run before in overrides at most, and the rows."""

    project: Project
    rows: Rows


@st.composite
def sequences(draw: st.DrawFn, *, least: int = 4, most: int = 8) -> tuple[Step, ...]:
    """Draw what so many runs of one project find: rows that come, go and change, and now and then other overrides."""
    project = with_keys(draw(projects()))
    rows = draw(row_sets(project, 20))
    steps = []
    for _ in range(draw(st.integers(least, most))):
        if draw(st.sampled_from((True, False, False))):
            project = draw(overrides(project, rows))
        steps.append(Step(project, rows))
        rows = draw(changes(project, rows))
    return tuple(steps)


def with_keys(project: Project) -> Project:
    """Return the project so that not all rows are looked at.

    Each rule between rows has an exact condition, and no CustomerId is derived from a column.
    """

    def keyed(rules: Sequence[Rule]) -> tuple[Rule, ...]:
        return tuple(
            rule
            if any(one.precision is None for one in rule.conditions)
            else replace(rule, conditions=(replace(rule.conditions[0], precision=None), *rule.conditions[1:]))
            for rule in rules
        )

    return replace(
        project,
        ids_from=(),
        tables=tuple(
            table if table.deduplicate is None else replace(table, deduplicate=keyed(table.deduplicate))
            for table in project.tables
        ),
        match=tuple(replace(between, rules=keyed(between.rules)) for between in project.match),
    )

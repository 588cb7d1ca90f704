"""What the oracle is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from fractions import Fraction
    from uuid import UUID

Key = str | int
Record = tuple[str, Key]
Pair = tuple[Record, Record]
Row = Mapping[str, Any]
Rows = Mapping[Record, Row]
Precision = int | Literal["low", "medium", "high"]
Keep = tuple[Literal["most_filled"]] | tuple[Literal["most_recent", "least_recent"], str]
Prefer = tuple[Literal["importance"]] | tuple[Literal["most_recent", "least_recent"], Mapping[str, str]]

PERCENT = {"low": 30, "medium": 60, "high": 80}
ALWAYS = "always"  # stands in evidence where a pair of the overrides, not a rule, decided


@dataclass(frozen=True)
class Condition:
    """Two columns that must be the same; `precision` None is exact. `differs` is for exceptions only.

    `default_region` is what the condition says, `of_tables` what the tables of its two sides say. `alias` and `bypass`
    are the lists themselves.
    """

    left: str
    right: str
    normalize: tuple[str, ...] = ()
    precision: Precision | None = None
    differs: bool = False
    default_region: str | None = None
    of_tables: tuple[str | None, str | None] = (None, None)
    alias: tuple[tuple[str, str], ...] = ()
    bypass: tuple[str, ...] = ()

    def region(self, side: Literal["left", "right"]) -> str | None:
        """The region of a side's telephone numbers: the condition's, else the table's."""
        return self.default_region or self.of_tables[("left", "right").index(side)]

    @property
    def percent(self) -> int | None:
        """The threshold of a fuzzy condition, None of an exact one."""
        return PERCENT[self.precision] if isinstance(self.precision, str) else self.precision


def on(column: str, *normalize: str, precision: Precision | None = None) -> Condition:
    """Return a condition with the same column on both sides, as in deduplication."""
    return Condition(column, column, normalize, precision)


@dataclass(frozen=True)
class Rule:
    """Conditions joined with AND, unless all conditions of one exception hold (section 3)."""

    name: str
    conditions: tuple[Condition, ...]
    max_rows_per_key: int = 1000
    exceptions: tuple[tuple[Condition, ...], ...] = ()

    def between(self, left: Table, right: Table) -> Rule:
        """Say in every condition what the tables of its two sides say about regions."""

        def told(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
            regions = left.default_region, right.default_region
            return tuple(replace(condition, of_tables=regions) for condition in conditions)

        return replace(self, conditions=told(self.conditions), exceptions=tuple(map(told, self.exceptions)))


@dataclass(frozen=True)
class Table:
    """A table `<source>.<table>`; `deduplicate` None means the rules of match, () means none.

    Its rows are those that have in each column of `where` one of the values named there.
    """

    name: str
    key: str
    include_all: bool = False
    deduplicate: tuple[Rule, ...] | None = None
    keep: Keep = ("most_filled",)
    content: tuple[str, ...] = ()
    keep_column: Mapping[str, Keep] | None = None
    default_region: str | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """How the table's own columns begin in a profile."""
        return self.name.replace(".", "_")


@dataclass(frozen=True)
class Between:
    """The match rules of a pair of tables; `left` of a condition is a column of `upper`, `right` one of `lower`."""

    upper: str
    lower: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class ProfileColumns:
    """Profile columns taken together from one row: for each (table, {profile column: column of the table})."""

    sources: tuple[tuple[str, Mapping[str, str]], ...]
    prefer: Prefer = ("importance",)


def profile_column(name: str, *sources: tuple[str, str], prefer: Prefer = ("importance",)) -> ProfileColumns:
    """Return a single profile column, combined from the given (table, column)."""
    return ProfileColumns(tuple((table, {name: column}) for table, column in sources), prefer)


@dataclass(frozen=True)
class Cluster:
    """Rules over profile columns; profiles that they link are together."""

    name: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Project:
    """Tables in match order, match rules, profile columns, overrides, clusters, and (table, column) of CustomerIds."""

    tables: tuple[Table, ...]
    match: tuple[Between, ...] = ()
    profile: tuple[ProfileColumns, ...] = ()
    always: tuple[Pair, ...] = ()
    never: tuple[Pair, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    ids_from: tuple[tuple[str, str], ...] = ()

    def place(self, record: Record) -> tuple[int, Key]:
        """The order of "smallest (table, key)": the table's place in the match order, then the key (section 7)."""
        return [table.name for table in self.tables].index(record[0]), record[1]


@dataclass(frozen=True)
class Evidence:
    """Why a row belongs: the rule by which `row` matches `partner`; an always pair has no score."""

    rule: str
    row: Record
    partner: Record
    score: Fraction | None


@dataclass(frozen=True)
class Group:
    """Duplicates in one table; `evidence` of each row but the winner is its first link on the way to the winner."""

    winner: Record
    rows: frozenset[Record]
    evidence: Mapping[Record, Evidence]

    @property
    def id(self) -> Record:
        """The smallest key, with its table."""
        return min(self.rows)


@dataclass(frozen=True)
class Value:
    """A value of a profile and the row it came from, None for a null."""

    value: Any
    origin: Record | None


@dataclass(frozen=True)
class State:
    """What one run hands to the next: the profiles with their ids, and how vanished ids go on (section 7).

    `derived` are the ids of today that are derived from columns. `clusters` are the same for the clusters of each kind,
    whose rows are profiles.
    """

    customers: Mapping[UUID, frozenset[Record]]
    made: Mapping[UUID, int]
    previous: Mapping[UUID, tuple[UUID, ...]]
    followed: Mapping[UUID, frozenset[Record]]
    given: frozenset[UUID]
    derived: frozenset[UUID] = frozenset()
    clusters: Mapping[str, State] = field(default_factory=dict)

    def resolve(self, customer_id: UUID) -> frozenset[UUID]:
        """All profiles of today that an id stands for, none if it is gone; KeyError if it was never given out."""
        if customer_id not in self.given:
            raise KeyError(customer_id)
        if customer_id in self.customers:
            return frozenset({customer_id})
        rows = self.followed.get(customer_id, frozenset())
        return frozenset(today for today, owned in self.customers.items() if owned & rows)


NOTHING = State({}, {}, {}, {}, frozenset())


@dataclass(frozen=True)
class Result:
    """Everything a run decided; mappings by record or by CustomerId."""

    groups: Mapping[str, Mapping[Key, Key]]
    winners: Mapping[str, Mapping[Key, Key]]
    duplicates: Mapping[Record, Evidence]
    matches: Mapping[Record, Evidence]
    refused: frozenset[Evidence]
    customers: Mapping[UUID, frozenset[Record]]
    left_out: frozenset[Record]
    profiles: Mapping[UUID, Mapping[str, Any]]
    origins: Mapping[UUID, Mapping[str, Record]]
    previous: Mapping[UUID, tuple[UUID, ...]]
    state: State

    @property
    def partition(self) -> frozenset[frozenset[Record]]:
        """The customers without their ids."""
        return frozenset(self.customers.values())

"""What a project file says about unification: tables, rules, profile (unification.md 3 to 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Precision = Literal["exact", "low", "medium", "high"] | int
Normalizer = Literal[  # in the order in which they apply (unification.md 2)
    "numerals",
    "unicode_to_ascii",
    "lowercase",
    "phone",
    "name",
    "address",
    "organization",
    "token_order",
    "symbols",
    "whitespace",
]

FORBID_OTHER_KEYS = {"extra": "forbid"}
PER_CENT = {"low": 30, "medium": 60, "high": 80}


@dataclass(frozen=True)
class Condition:
    """Two values are the same: one `column` of one table, or `columns` [lower table's, upper table's] of a pair.

    A telephone number without a country code is from `default_region`, or else from that of its table. `alias` and
    `bypass` name lists that people supply, CSV files or tables of sources: values that count as equal, in the columns
    `value` and `alias`, and values that count as empty, in the column `value`. In an exception the two may have to
    differ instead: both filled, and not the same.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    column: str | None = None
    columns: tuple[str, str] | None = None
    normalize: tuple[Normalizer, ...] = ()
    precision: Precision = "exact"
    default_region: str | None = None
    alias: str | None = None
    bypass: str | None = None
    differs: bool = False

    @property
    def is_normalized(self) -> bool:
        """Whether anything is made of the values before they are compared."""
        return bool(self.normalize or self.alias or self.bypass)

    @property
    def lower(self) -> str:
        """The column of the lower table, or of the only one."""
        return self.columns[0] if self.columns else str(self.column)

    @property
    def upper(self) -> str:
        """The column of the table above, or of the only one."""
        return self.columns[1] if self.columns else str(self.column)

    @property
    def per_cent(self) -> int | None:
        """The least similarity in per cent, or None for an exact condition."""
        if self.precision == "exact":
            return None
        return self.precision if isinstance(self.precision, int) else PER_CENT[self.precision]


@dataclass(frozen=True)
class Rule:
    """Conditions that must all hold, unless all of an exception do.

    Rows that hold a key shared by more than `max_rows_per_key` make no link.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    name: str
    match: tuple[Condition, ...]
    unless: tuple[tuple[Condition, ...], ...] = ()
    active: bool = True
    max_rows_per_key: int = 1000


@dataclass(frozen=True)
class Recency:
    """A preference by time: the row with the most (or least) recent value of a column."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    most_recent: str | None = None
    least_recent: str | None = None


Keep = Literal["most_filled"] | Recency


@dataclass(frozen=True)
class Deduplicate:
    """How rows of one table are grouped and which row of a group wins; no rules: those of the match (section 4).

    `columns` have a preference of their own: the profile sees the value of the row that it chooses in the group.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    rules: tuple[Rule, ...] | None = None
    keep: Keep = "most_filled"
    columns: dict[str, Keep] = field(default_factory=dict)


@dataclass(frozen=True)
class UnifiedTable:
    """A table of unification, named `source.table`; the order of tables is the match order, the first is primary.

    `where` keeps the rows in which each named column has the value, or one of several texts. `default_region` (ISO
    3166, two letters) says where telephone numbers without a country code are from.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    table: str
    key: str
    types: dict[str, str] = field(default_factory=dict)
    where: dict[str, str | int | bool | tuple[str, ...]] = field(default_factory=dict)
    include_all: bool = False
    default_region: str | None = None
    deduplicate: Deduplicate | Literal["off"] = Deduplicate()

    @property
    def keep(self) -> Keep:
        """Which row of several goes first."""
        return "most_filled" if self.deduplicate == "off" else self.deduplicate.keep

    @property
    def preferences(self) -> dict[str, Keep]:
        """The columns that have a preference of their own, and which."""
        return {} if self.deduplicate == "off" else self.deduplicate.columns


@dataclass(frozen=True)
class Match:
    """The rules between a lower table and one above it: `between: [lower, upper]`."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    between: tuple[str, str]
    rules: tuple[Rule, ...]

    @property
    def lower(self) -> str:
        """The table that matches."""
        return self.between[0]

    @property
    def upper(self) -> str:
        """The table above it that is matched."""
        return self.between[1]


@dataclass(frozen=True)
class ByTime:
    """A preference over tables by time: the column of each table that says when its values were true."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    most_recent: dict[str, str] | None = None
    least_recent: dict[str, str] | None = None


Prefer = Literal["importance"] | ByTime


@dataclass(frozen=True)
class ProfileColumn:
    """A column of the profile: `source.table.column` of each table it can come from, and which value is taken.

    The project file calls `sources` `from`, which is no name in Python.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS | {
        "alias_generator": lambda name: "from" if name == "sources" else name
    }

    sources: tuple[str, ...]
    prefer: Prefer = "importance"


@dataclass(frozen=True)
class Profile:
    """What the profile takes; columns that have a semantic type it takes by itself, combined by type (section 6).

    Attributes:
        columns: those that the file makes of columns of tables.
        groups: of columns that are taken together from one row, such as those of an address: of each column its
            sources, `source.table.column`.
        prefer: from which row each group is taken, if not from the first that has a value.
        include: columns without a semantic type that are taken too, combined by name and type.
        separate: columns that are combined with no other.
        exclude: columns that have a semantic type and are not taken.
        rename: the columns that the profile takes by itself, by their names there, and what to call them.
        customer_id: columns, `source.table.column`: a CustomerId is derived from the first that has a value.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    columns: dict[str, ProfileColumn] = field(default_factory=dict)
    groups: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    prefer: dict[str, ByTime] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    separate: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rename: dict[str, str] = field(default_factory=dict)
    customer_id: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """Profiles that belong together by rules on columns of the profile (section 6)."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    name: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Overrides:
    """Where pairs of rows stand that are one customer whatever the rules say, and pairs that are not.

    Each is a CSV file or a table of a source with the columns left_table, left_key, right_table, right_key, and for
    people why, by and at.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    always: str | None = None
    never: str | None = None


@dataclass(frozen=True)
class Unify:
    """Everything that unification is told; a customer of more rows than `largest_customer` is listed as a doubt."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    tables: tuple[UnifiedTable, ...]
    match: tuple[Match, ...] = ()
    overrides: Overrides = Overrides()
    largest_customer: int = 50
    profile: Profile = Profile()
    clusters: tuple[Literal["household"] | Cluster, ...] = ()

    def table(self, name: str) -> UnifiedTable:
        """Return the unified table of that name."""
        return next(table for table in self.tables if table.table == name)

    def position(self, name: str) -> int:
        """Return the table's place in the match order, from 0."""
        return [table.table for table in self.tables].index(name)

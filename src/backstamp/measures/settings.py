"""What a project file says about measures: what they calculate, and how their tables hang together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORBID_OTHER_KEYS = {"extra": "forbid"}

ACTIVITIES, CUSTOMERS = "activities", "customers"
"""The tables besides those of sources that a measure can be of: all activities, and a row for each customer."""

Refresh = Literal["every run", "hourly", "daily", "weekly", "monthly"]
Template = Literal[
    "total_value",
    "average_value",
    "transaction_count",
    "average_daily_revenue",
    "average_monthly_revenue",
    "average_yearly_revenue",
    "days_since_last_purchase",
    "active_lifespan",
    "points_earned",
    "points_redeemed",
    "points_balance",
]


@dataclass(frozen=True)
class Relationship:
    """A foreign key: each row of one table belongs to at most one of another; both ends as `source.table.column`.

    One to one it can be gone both ways. The project file calls `from_` `from`, which is no name in Python.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS | {"alias_generator": lambda name: name.removesuffix("_")}

    from_: str
    to: str
    kind: Literal["many_to_one", "one_to_one"] = "many_to_one"

    @property
    def from_table(self) -> str:
        """The table with the foreign key, `source.table`."""
        return self.from_.rpartition(".")[0]

    @property
    def from_column(self) -> str:
        """The foreign key."""
        return self.from_.rpartition(".")[2]

    @property
    def to_table(self) -> str:
        """The table that it refers to, `source.table`."""
        return self.to.rpartition(".")[0]

    @property
    def to_column(self) -> str:
        """The column that it refers to."""
        return self.to.rpartition(".")[2]


@dataclass(frozen=True)
class Activity:
    """A table of things that happened, a row each.

    Attributes:
        table: `source.table`.
        type: what happened, in a word: `Purchase`.
        time: the column that tells when.
        title: a column that tells what, in short.
        detail: columns that tell more.
        through: foreign keys that lead to the customers, where there are several ways.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    table: str
    type: str
    time: str
    title: str | None = None
    detail: tuple[str, ...] = ()
    through: str | tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it uses."""
        return tuple(dict.fromkeys([self.time, *([self.title] if self.title else []), *self.detail]))


@dataclass(frozen=True)
class Measure:
    """A calculation over the rows of a table.

    Attributes:
        kind: `attribute` (a column of the table of all attributes, a row a customer), `customer` (a table of its own,
            by customer) or `business` (a table of its own, over all rows).
        of: `source.table`, `activities`, or `customers` (a row a customer, its columns the attributes).
        value: what is calculated (`sum(amount)`); see `expressions`.
        where: which rows count (`status = 'open'`).
        values: of a measure with a table of its own several calculations, by name.
        dimensions: by what it is split besides customers: columns, or expressions `… as name`.
        through: foreign keys that lead to the customers, where there are several ways.
        template: writes `value` and `where` for the usual measures, out of
        columns: by the names that the template has for them.
        active: whether it is calculated; else the last values stay.
        refresh: how often.
        dead_band: by how much a number may differ from the one that the CRM has without being written there: `0.5`, or
            `1 %` of that one.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    kind: Literal["attribute", "customer", "business"]
    of: str
    value: str | None = None
    where: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    dimensions: tuple[str, ...] = ()
    through: str | tuple[str, ...] = ()
    template: Template | None = None
    columns: dict[str, str] = field(default_factory=dict)
    active: bool = True
    refresh: Refresh = "every run"
    dead_band: float | str | None = None

    @property
    def is_of_customers_alone(self) -> bool:
        """Whether it has one row for each customer, in a table of its own."""
        return self.kind == "customer" and not self.dimensions


@dataclass(frozen=True)
class Insight:
    """A score that somebody else calculates of each customer, a prediction or an interest: the newest counts.

    Attributes:
        table: `source.table`, a row a score.
        score: the column with the score.
        time: the column that tells when it was calculated.
        name: a column that tells which insight a row is of, by the insight's name, where a table has several.
        through: foreign keys that lead to the customers, where there are several ways.
        dead_band: as a measure's.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    table: str
    score: str
    time: str
    name: str | None = None
    through: str | tuple[str, ...] = ()
    dead_band: float | str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The columns that it uses, by setting."""
        named = {"score": self.score, "time": self.time, "name": self.name}
        return {setting: column for setting, column in named.items() if column is not None}


@dataclass(frozen=True)
class DeadBand:
    """By how much a number may differ from the one that was sent: so much, or such a share of it."""

    amount: float
    is_share: bool = False


@dataclass(frozen=True)
class Definitions:
    """All that the project says and measures are made of.

    Attributes:
        measures: by name, insights among them, as the attributes that they are.
        relationships: foreign keys.
        activities: tables of things that happened.
        unified: the tables of unification, in their order.
        time_zone: whose days are meant.
        insights: those of the measures that the file has as insights.
    """

    measures: Mapping[str, Measure]
    relationships: Sequence[Relationship] = ()
    activities: Sequence[Activity] = ()
    unified: Sequence[str] = ()
    time_zone: str = "UTC"
    insights: Mapping[str, Insight] = field(default_factory=dict)


def keys_of(through: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the foreign keys that a way must take."""
    return (through,) if isinstance(through, str) else through


def foreign_keys(table: str, definitions: Definitions) -> tuple[str, ...]:
    """Return the columns of a source table that name rows of others."""
    return tuple(dict.fromkeys(one.from_column for one in definitions.relationships if one.from_table == table))


def dead_band(measure: Measure) -> DeadBand | None:
    """Return the dead-band of a measure, None without one.

    Raises:
        ValueError: it is neither a number nor a percentage, or below zero.
    """
    told = measure.dead_band
    if told is None:
        return None
    is_share = str(told).rstrip().endswith("%")
    amount = float(str(told).rstrip().removesuffix("%"))
    if not 0 <= amount < math.inf:
        raise ValueError
    return DeadBand(amount / 100 if is_share else amount, is_share)


def calculations(name: str, measure: Measure) -> dict[str, str]:
    """Return what a measure calculates: texts, by the names of the columns that they become."""
    return measure.values or {name: measure.value or ""}


def in_short(measure: Measure) -> str:
    """Say in short what a measure is."""
    values = measure.value or ", ".join(f"{name}: {text}" for name, text in measure.values.items())
    where = f" where {measure.where}" if measure.where else ""
    by = f" by {', '.join(measure.dimensions)}" if measure.dimensions else ""
    how_often = measure.refresh if measure.active else "not active"
    return f"{measure.kind} of {measure.of}: {values}{where}{by}; {how_often}"

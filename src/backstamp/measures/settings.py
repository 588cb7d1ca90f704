"""What a project file says about measures: what they calculate, and how their tables hang together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

FORBID_OTHER_KEYS = {"extra": "forbid"}


@dataclass(frozen=True)
class Relationship:
    """A foreign key: each row of one table belongs to at most one of another; both ends as `source.table.column`.

    The project file calls `from_` `from`, which is no name in Python.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS | {"alias_generator": lambda name: name.removesuffix("_")}

    from_: str
    to: str

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
class Measure:
    """A calculation over the rows of a table (`of`, as `source.table`): one value for each customer.

    `value` is an aggregate (`sum(amount)`) and `where` says which rows count (`status = 'open'`); see `expressions`.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    kind: Literal["attribute"]
    of: str
    value: str
    where: str | None = None

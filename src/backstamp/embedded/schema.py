"""All definitions at one moment, and the database tables that they describe.

A `Schema` is a value: a request works with the one that belongs to its transaction. How a column type is kept:

* GUIDs, choices' numbers and text as they are;
* times as `YYYY-MM-DDTHH:MM:SSZ` and days as `YYYY-MM-DD`, which sort as text and go to the wire untouched;
* Decimal and Money as whole numbers of their smallest unit: exact, and compared and summed right on every database.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp.embedded import database
from backstamp.embedded.metadata import (
    CHOICES,
    FILES,
    LOOKUPS,
    Choice,
    Column,
    ColumnType,
    ManyToMany,
    Relationship,
    Side,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MONEY_DIGITS = 4
_LARGEST = 2**63 - 1


class FixedPoint(sa.types.TypeDecorator[Decimal]):
    """A decimal number kept as a whole number of its smallest unit."""

    impl = sa.BigInteger
    cache_ok = True

    def __init__(self, digits: int) -> None:
        super().__init__()
        self.digits = digits

    def process_bind_param(self, value: object, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        """Scale up; digits beyond the smallest unit are rounded half to even, and what is too big is the biggest."""
        if value is None:
            return None
        scaled = int(Decimal(str(value)).scaleb(self.digits).to_integral_value(ROUND_HALF_EVEN))
        return max(-_LARGEST, min(_LARGEST, scaled))

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> Decimal | None:  # noqa: ARG002
        """Scale down."""
        return None if value is None else Decimal(value).scaleb(-self.digits)


_SQL_TYPES: dict[ColumnType, Callable[[Column], sa.types.TypeEngine[Any]]] = {
    ColumnType.BOOLEAN: lambda _: sa.Boolean(),
    ColumnType.INTEGER: lambda _: sa.Integer(),
    ColumnType.BIGINT: lambda _: sa.BigInteger(),
    ColumnType.DOUBLE: lambda _: sa.Double(),
    ColumnType.MONEY: lambda _: FixedPoint(MONEY_DIGITS),
    ColumnType.DECIMAL: lambda column: FixedPoint(column.precision or 0),
    ColumnType.DATETIME: lambda column: database.text(10 if column.date_only else 20),
    ColumnType.UNIQUEIDENTIFIER: lambda _: database.text(36),
    ColumnType.ENTITY_NAME: lambda _: database.text(128),
    ColumnType.STRING: lambda _: database.text(),
    ColumnType.MEMO: lambda _: database.text(),
    **dict.fromkeys(FILES, lambda _: database.text(36)),
    **dict.fromkeys(LOOKUPS, lambda _: database.text(36)),
    **dict.fromkeys(CHOICES, lambda _: sa.Integer()),
}


def sql_type(column: Column) -> sa.types.TypeEngine[Any]:
    """Return how the values of a column are kept."""
    return _SQL_TYPES[column.type](column)


class Schema:
    """The tables and relationships of the CRM.

    Attributes:
        version: the number of the metadata change that made it.
        tables: by logical name.
        relationships: all that are one-to-many.
        many_to_many: all others.
        choices: the global choices by name.
    """

    def __init__(
        self,
        version: int,
        tables: Iterable[Table],
        relationships: Iterable[Relationship],
        many_to_many: Iterable[ManyToMany] = (),
        choices: Iterable[Choice] = (),
    ) -> None:
        self.version = version
        self.many_to_many = tuple(many_to_many)
        self.choices = {choice.name: choice for choice in choices}
        self.tables = {table.name: table for table in tables}
        self.relationships = tuple(relationships)

    @cached_property
    def defined(self) -> tuple[Relationship | ManyToMany, ...]:
        """All relationships that have a definition of their own: not the lookups of intersect tables."""
        one_to_many = (each for each in self.relationships if not self.tables[each.referencing].intersect)
        return (*one_to_many, *self.many_to_many)

    @cached_property
    def by_entity_set(self) -> dict[str, Table]:
        """The tables by the name of their entity set."""
        return {table.entity_set: table for table in self.tables.values()}

    @cached_property
    def navigations(self) -> dict[str, dict[str, Relationship]]:
        """By table: its single-valued navigation properties."""
        found: dict[str, dict[str, Relationship]] = {name: {} for name in self.tables}
        for relationship in self.relationships:
            found[relationship.referencing][relationship.navigation] = relationship
        return found

    @cached_property
    def collections(self) -> dict[str, dict[str, Relationship]]:
        """By table: its collection-valued navigation properties."""
        found: dict[str, dict[str, Relationship]] = {name: {} for name in self.tables}
        for relationship in self.relationships:
            found[relationship.referenced][relationship.collection] = relationship
        return found

    @cached_property
    def associations(self) -> dict[str, dict[str, tuple[ManyToMany, Side, Side]]]:
        """By table: its many-to-many relationships by navigation property, each with its near and its far side."""
        found: dict[str, dict[str, tuple[ManyToMany, Side, Side]]] = {name: {} for name in self.tables}
        for each in self.many_to_many:
            found[each.first.table][each.first.navigation] = (each, each.first, each.second)
            found[each.second.table].setdefault(each.second.navigation, (each, each.second, each.first))
        return found

    @cached_property
    def secured(self) -> frozenset[tuple[str, str]]:
        """The columns with column security, each as its table and its name."""
        columns = ((table.name, column) for table in self.tables.values() for column in table.columns)
        return frozenset((table, column.name) for table, column in columns if column.secured)

    @cached_property
    def sql(self) -> dict[str, sa.Table]:
        """The database tables by logical name."""
        target = sa.MetaData()
        return {table.name: self._sql_table(table, target) for table in self.tables.values()}

    def _sql_table(self, table: Table, target: sa.MetaData) -> sa.Table:
        columns = [self.sql_column(table, column) for column in table.columns]
        # Clustered by key: pages of a full read and updates by key need no second look-up.
        return sa.Table(table.name, target, *columns, sqlite_with_rowid=False)

    def sql_column(self, table: Table, column: Column) -> sa.Column[Any]:
        """Return the database column of a column.

        A lookup to one table is a foreign key, checked at commit, with an index; it never acts on deletion (that is
        the server's own statement). The columns of the history and lookups to several tables are no foreign keys.
        """
        constraints = []
        audit = not column.writable or column.type is ColumnType.OWNER
        if column.is_lookup and not column.is_polymorphic and not audit:
            target = self.tables[column.targets[0]]
            key = sa.ForeignKey(f"{target.name}.{target.key}", deferrable=True, initially="DEFERRED")
            constraints.append(key)
        return sa.Column(
            column.name,
            sql_type(column),
            *constraints,
            primary_key=column.name == table.key,
            nullable=column.name not in {table.key, "versionnumber"},
            index=column.name == "versionnumber" or (column.is_lookup and not audit) or None,
        )

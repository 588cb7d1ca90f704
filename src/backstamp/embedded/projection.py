"""Which columns a statement fetches, and how its rows become JSON objects with their annotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import conditions, metadata
from backstamp.embedded.conditions import Place
from backstamp.embedded.metadata import Column, ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.schema import Schema

    Item = dict[str, Any]
    Expression = sa.ColumnElement[Any]
    Annotate = Callable[[Item, Sequence[Any]], None]


@dataclass(frozen=True)
class Annotations:
    """Which annotations a client wants, as patterns: `*`, `OData.Community.Display.V1.*`, or full names."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, preference: str) -> Annotations:
        """Read the value of the preference `odata.include-annotations`."""
        return cls(tuple(part.strip() for part in preference.split(",") if part.strip()))

    def wants(self, annotation: str) -> bool:
        """Tell whether this annotation (`@…`) is wanted."""
        return any(fnmatch(annotation.removeprefix("@"), pattern) for pattern in self.patterns)


@dataclass
class Projection:
    """The columns of a statement: first those that become properties, then those that only the server needs."""

    schema: Schema
    place: Place
    columns: list[Column]
    annotations: Annotations
    names: list[str] = field(default_factory=list)
    expressions: list[Expression] = field(default_factory=list)
    _annotate: list[Annotate] = field(default_factory=list)

    def __post_init__(self) -> None:
        tag = sa.literal('W/"') + sa.cast(self.place.sql.c.versionnumber, sa.Text) + '"'
        self.names = [odata.ROW_ETAG, *(property_name(column) for column in self.columns)]
        self.expressions = [tag, *(self.place.sql.c[column.name] for column in self.columns)]
        self._annotate = [annotate for column in self.columns for annotate in self._annotations_of(column)]

    def need(self, expression: Expression) -> int:
        """Return the place in a row of a column that the server needs; it is added where it is not there yet."""
        for place, known in enumerate(self.expressions):
            if known is expression:
                return place
        self.expressions.append(expression)
        return len(self.expressions) - 1

    def items(self, rows: Iterable[Sequence[Any]]) -> list[Item]:
        """Turn rows of the statement into JSON objects."""
        if not self._annotate:
            # The names are fewer than the values where the server needs columns of its own.
            return [dict(zip(self.names, row, strict=False)) for row in rows]
        return [self._annotated(row) for row in rows]

    def _annotated(self, row: Sequence[Any]) -> Item:
        item = dict(zip(self.names, row, strict=False))
        for annotate in self._annotate:
            annotate(item, row)
        return item

    def _annotations_of(self, column: Column) -> Iterable[Annotate]:
        if column.is_lookup:
            return self._lookup_annotations(column)
        if column.options and self.annotations.wants(odata.FORMATTED_VALUE):
            return [_label(column)]
        return []

    def _lookup_annotations(self, column: Column) -> Iterable[Annotate]:
        name = property_name(column)
        if self.annotations.wants(odata.FORMATTED_VALUE):
            yield _from_row(name, odata.FORMATTED_VALUE, self.need(self._target_name(column)))
        target = self._target(column)
        if self.annotations.wants(odata.LOOKUP_TABLE):
            yield _from_row(name, odata.LOOKUP_TABLE, self.need(target))
        if self.annotations.wants(odata.LOOKUP_NAVIGATION):
            navigations = {
                relationship.referenced: relationship.navigation
                for relationship in self.schema.navigations[self.place.table.name].values()
                if relationship.column == column.name
            }
            navigation = sa.case(navigations, value=target)
            yield _from_row(name, odata.LOOKUP_NAVIGATION, self.need(navigation))

    def _target(self, column: Column) -> Expression:
        if column.is_polymorphic:
            return self.place.sql.c[metadata.type_column(column.name)]
        return sa.case((self.place.sql.c[column.name].is_not(None), sa.literal(column.targets[0])))

    def _target_name(self, column: Column) -> Expression:
        names: list[Expression] = []
        for target in (self.schema.tables[name] for name in column.targets):
            rows = self.schema.sql[target.name].alias()
            found = sa.select(rows.c[target.name_column]).where(rows.c[target.key] == self.place.sql.c[column.name])
            names.append(found.scalar_subquery())
        return sa.func.coalesce(*names) if len(names) > 1 else names[0]


def _label(column: Column) -> Annotate:
    name = column.name
    key = name + odata.FORMATTED_VALUE
    labels = {option.value: option.label for option in column.options}

    def annotate(item: Item, _row: Sequence[Any]) -> None:
        if item[name] is not None:
            item[key] = labels.get(item[name])

    return annotate


def _from_row(name: str, annotation: str, place: int) -> Annotate:
    key = name + annotation

    def annotate(item: Item, row: Sequence[Any]) -> None:
        if row[place] is not None:
            item[key] = row[place]

    return annotate


def property_name(column: Column) -> str:
    """Return the property under which a column is read."""
    return odata.lookup_property(column.name) if column.is_lookup else column.name


def project(
    schema: Schema, table: Table, select: Sequence[str] | None, annotations: Annotations | None = None
) -> Projection:
    """Return what a `$select` means: the properties named, always with the key, or all of them.

    Raises:
        Fault: it names a property that the table does not have.
    """
    if select is None:
        columns = [column for column in table.columns if column.type is not ColumnType.ENTITY_NAME]
    else:
        named = {conditions.readable(table, name).name for name in select} | {table.key}
        columns = [column for column in table.columns if column.name in named]
    return Projection(schema, Place(table, schema.sql[table.name]), columns, annotations or Annotations())

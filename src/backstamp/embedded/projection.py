"""Which columns a statement fetches, and how its rows become JSON objects with their annotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import column_security, conditions, formats, metadata
from backstamp.embedded.conditions import Place
from backstamp.embedded.metadata import Column, ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.schema import Schema
    from backstamp.embedded.store import Session

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
    """The columns of a statement: those that become properties, and behind them those that only the server needs."""

    schema: Schema
    place: Place
    annotations: Annotations
    names: list[str] = field(default_factory=list)
    _shown: list[Expression] = field(default_factory=list)
    _needed: list[Expression] = field(default_factory=list)
    _annotate: list[Annotate] = field(default_factory=list)

    @property
    def expressions(self) -> list[Expression]:
        """What the statement selects."""
        return [*self._shown, *reversed(self._needed)]

    def show(self, name: str, expression: Expression) -> None:
        """Add a property that has no annotations."""
        self.names.append(name)
        self._shown.append(expression)

    def show_column(self, name: str, column: Column, place: Place, value: Expression) -> None:
        """Add a property that holds a value of a column, with the annotations that are wanted of it."""
        self.show(name, value)
        self._annotate += self._annotations_of(name, column, place)

    def show_tag(self) -> None:
        """Add the entity tag of the main place's row."""
        self.show(odata.ROW_ETAG, sa.literal('W/"') + sa.cast(self.place.sql.c.versionnumber, sa.Text) + '"')

    def need(self, expression: Expression) -> int:
        """Add a column that the server needs; return its place in a row, counted from the end."""
        self._needed.append(expression)
        return -len(self._needed)

    def annotate(self, function: Annotate) -> None:
        """Add what puts an annotation into an object."""
        self._annotate.append(function)

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

    def _annotations_of(self, name: str, column: Column, place: Place) -> Iterable[Annotate]:
        if column.is_lookup:
            return self._lookup_annotations(name, column, place)
        spell = formats.spelling(column)
        if spell is not None and self.annotations.wants(odata.FORMATTED_VALUE):
            return [formatted(name, spell)]
        return []

    def _lookup_annotations(self, name: str, column: Column, place: Place) -> Iterable[Annotate]:
        for annotation, expression in self.lookup_texts(column, place):
            yield from_row(name, annotation, self.need(expression))

    def lookup_texts(self, column: Column, place: Place) -> Iterable[tuple[str, Expression]]:
        """Give the annotations of a lookup that are wanted, each with how SQL reaches its text."""
        target = self._target(column, place)
        if self.annotations.wants(odata.FORMATTED_VALUE):
            yield odata.FORMATTED_VALUE, self._target_name(column, place)
        if self.annotations.wants(odata.LOOKUP_TABLE):
            yield odata.LOOKUP_TABLE, target
        if self.annotations.wants(odata.LOOKUP_NAVIGATION):
            navigations = {
                relationship.referenced: relationship.navigation
                for relationship in self.schema.navigations[place.table.name].values()
                if relationship.column == column.name
            }
            yield odata.LOOKUP_NAVIGATION, sa.case(navigations, value=target)

    def _target(self, column: Column, place: Place) -> Expression:
        if column.is_polymorphic:
            return place.sql.c[metadata.type_column(column.name)]
        return sa.case((place.sql.c[column.name].is_not(None), sa.literal(column.targets[0])))

    def _target_name(self, column: Column, place: Place) -> Expression:
        names: list[Expression] = []
        for target in (self.schema.tables[name] for name in column.targets):
            rows = self.schema.sql[target.name].alias()
            found = sa.select(rows.c[target.name_column]).where(rows.c[target.key] == place.sql.c[column.name])
            names.append(found.correlate_except(rows).scalar_subquery())
        return sa.func.coalesce(*names) if len(names) > 1 else names[0]


def formatted(name: str, spell: Callable[[Any], str]) -> Annotate:
    """Return what adds the text that users read in place of a value."""
    key = name + odata.FORMATTED_VALUE

    def annotate(item: Item, _row: Sequence[Any]) -> None:
        if item[name] is not None:
            item[key] = spell(item[name])

    return annotate


def constant(name: str, annotation: str, text: str) -> Annotate:
    """Return what adds an annotation that is the same for all rows."""

    def annotate(item: Item, _row: Sequence[Any]) -> None:
        item[name + annotation] = text

    return annotate


def from_row(name: str, annotation: str, place: int) -> Annotate:
    """Return what adds an annotation that stands at a place of the row."""
    key = name + annotation

    def annotate(item: Item, row: Sequence[Any]) -> None:
        if row[place] is not None:
            item[key] = row[place]

    return annotate


def property_name(column: Column) -> str:
    """Return the property under which a column is read."""
    return odata.lookup_property(column.name) if column.is_lookup else column.name


def project(
    session: Session, table: Table, select: Sequence[str] | None, annotations: Annotations | None = None
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
    place = Place(table, column_security.visible(session, table.name))
    chosen = Projection(session.schema, place, annotations or Annotations())
    chosen.show_tag()
    for column in columns:
        chosen.show_column(property_name(column), column, chosen.place, chosen.place.sql.c[column.name])
    return chosen

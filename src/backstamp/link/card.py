"""A row of the environment as its users see it: its own fields, its customer's profile and measures (linking.md 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp.link import desired

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backstamp.connect import ports
    from backstamp.link.settings import Link

_FIXED = ("customerid", "previouscustomerid", "madeinrun", "identifier")
_KEPT_BY_THE_SYSTEM = frozenset({"createdon", "modifiedon", "overriddencreatedon"})


@dataclass(frozen=True)
class Field:
    """A column of a row that holds a value: its name in the environment, the one that people read, and the value."""

    name: str
    label: str
    value: object


@dataclass(frozen=True)
class Card:
    """A row and its customer.

    Attributes:
        key: of the row.
        fields: its own.
        customer_id: where its link leads, or None.
        profile: of the customer, its id and history left out.
        measures: of the customer.
    """

    key: str
    fields: tuple[Field, ...]
    customer_id: str | None
    profile: tuple[Field, ...] = ()
    measures: tuple[Field, ...] = ()


def read_card(sink: ports.Sink, settings: Link, table: str, key: str, measures: Mapping[str, str]) -> Card | None:
    """Read a row, its profile and its measures, all from the environment as it is now; None where there is no row.

    Args:
        sink: the environment.
        settings: how our tables and columns are named there.
        table: as the environment names it.
        key: of the row.
        measures: tables there with a row for each customer, and the measure that each holds; "" for several.
    """
    definition = sink.define(table)
    lookup = desired.lookup_name(settings)
    filled = [column for column in definition.columns if _is_filled_in(column)]
    links = [lookup] if definition.column(lookup) else []
    row = sink.row(table, key, [*(column.name for column in filled), *links])
    if row is None:
        return None
    fields, linked = tuple(_fields(filled, row)), row.get(lookup)
    if linked is None:
        return Card(str(row[definition.key]), fields, None)
    profile = _read_ours(sink, settings, desired.profile_table(settings), str(linked))
    measured = (
        _named(field, table, name)
        for table, name in measures.items()
        for field in _read_ours(sink, settings, table, str(linked))
    )
    return Card(str(row[definition.key]), fields, str(linked), profile, tuple(measured))


def _named(field: Field, table: str, measure: str) -> Field:
    """Say of a measure with several values which one it is of."""
    if not measure or field.label == measure:
        return field
    return Field(f"{table}.{field.name}", f"{measure}: {field.label}", field.value)


def _read_ours(sink: ports.Sink, settings: Link, table: str, key: str) -> tuple[Field, ...]:
    """Read the project's own columns of a row of one of our tables; nothing where there is no such table or row."""
    definition = sink.find(table)
    if definition is None:
        return ()
    fixed = {definition.key, *(settings.prefix + name for name in _FIXED)}
    ours = [
        column
        for column in definition.columns
        if column.name.startswith(settings.prefix) and column.name not in fixed and not column.lookup_to
    ]
    row = sink.row(table, key, [column.name for column in ours])
    return tuple(_fields(ours, row)) if row else ()


def _is_filled_in(column: ports.Column) -> bool:
    """Tell what people write, text, amounts and dates, from ids, choices and what the system keeps."""
    if column.name in _KEPT_BY_THE_SYSTEM or column.lookup_to:
        return False
    is_text = pa.types.is_string(column.type) and column.max_length is not None
    return is_text or pa.types.is_decimal(column.type) or pa.types.is_temporal(column.type)


def _fields(columns: list[ports.Column], row: dict[str, object]) -> Iterator[Field]:
    for column in columns:
        if row[column.name] is not None:
            yield Field(column.name, column.display_name or column.name, row[column.name])

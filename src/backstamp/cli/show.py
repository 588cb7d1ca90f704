"""`show`: a row of the CRM as its user sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backstamp import errors, link, project
from backstamp.cli import display, environment, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from backstamp.connect import ports


def show(
    table: options.Table,
    key: options.Key,
    *,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Show a row of the CRM as its user sees it: its own fields, its customer's profile and measures.

    All of it is read from the CRM; also while a run goes on.
    """
    settings = project.load(file)
    outer = outer_name(settings, table)
    with environment.connected(settings) as sink:
        card = read(settings, sink, outer, key)
    if as_json:
        display.write_json(facts(table, card))
    show_card(display.console(quiet=as_json), settings, table, card)


def read(settings: project.Project, sink: ports.Sink, outer: str, key: str) -> link.Card:
    """Read a row with its profile and measures.

    Raises:
        SourceError: no row has that key.
    """
    card = link.read_card(sink, settings.link, outer, key)
    if card is None:
        raise errors.SourceError(f"The table {outer} of the CRM has no row with this key: its key is a GUID.")
    return card


def outer_name(settings: project.Project, table: str) -> str:
    """Return how the environment calls one of the project's tables of it.

    Raises:
        ConfigurationError: it is no table of the environment.
    """
    known = {
        f"{name}.{one.name}": one.outer
        for name, source in settings.sources.items()
        if isinstance(source, project.EnvironmentSource)
        for one in source.listed
    }
    if table not in known:
        hint = errors.did_you_mean(table, known)
        message = f"`{table}` is no table that the project reads from its CRM.{hint} There are: {', '.join(known)}."
        raise errors.ConfigurationError(message)
    return known[table]


def facts(table: str, card: link.Card) -> dict[str, object]:
    """Return a row with its profile and measures for JSON, values by their names in the environment."""
    profile = {"customer_id": card.customer_id, "fields": _by_name(card.profile), "measures": _by_name(card.measures)}
    return {
        "table": table,
        "key": card.key,
        "fields": _by_name(card.fields),
        "profile": profile if card.customer_id else None,
    }


def show_card(to: Console, settings: project.Project, table: str, card: link.Card) -> None:
    """Print a row with its profile and measures."""
    _show_fields(to, f"{table} {card.key}", card.fields)
    if card.customer_id is None:
        to.print("\nNo customer: no run has linked this row yet, or its row is in no profile.")
        return
    keys = _keys_of(settings)
    own = [field for field in card.profile if field.name not in keys]
    known = [replace(field, label=keys[field.name]) for field in card.profile if keys.get(field.name)]
    _show_fields(to, f"Customer {card.customer_id}", own)
    _show_fields(to, "Rows of this customer", known)
    if card.measures:
        _show_fields(to, "Measures", card.measures)


def _keys_of(settings: project.Project) -> dict[str, str]:
    """Return the profile's columns with keys: that with all keys of a table with its name, the others with none."""
    columns = {f"{table.table.replace('.', '_')}_{table.key}": table.table for table in settings.unify.tables}
    return {
        f"{settings.link.prefix}{column}{end}".lower(): name
        for column, table in columns.items()
        for end, name in (("", ""), ("_alternate", table))
    }


def _show_fields(to: Console, title: str, fields: Sequence[link.Field]) -> None:
    to.print()
    to.print(title, style="bold")
    to.print(display.table(("", ""), [(f"  {field.label}", display.value(field.value)) for field in fields]))


def _by_name(fields: Sequence[link.Field]) -> dict[str, object]:
    return {field.name: field.value for field in fields}

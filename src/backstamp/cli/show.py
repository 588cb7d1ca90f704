"""`show`: a row of the CRM as its user sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backstamp import errors, pipeline, project
from backstamp.cli import display, environment, options
from backstamp.unify.explain import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from backstamp import link
    from backstamp.connect import ports


def show(
    table: options.Table,
    key: options.Key,
    *,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Show a row of the CRM and its customer: profile, where each value came from, measures, timeline, clusters.

    The row, its profile and the measures that are written there are read from the CRM, the rest from the warehouse:
    while a run has that, the CRM alone tells.
    """
    settings = project.load(file)
    outer_name(settings, table)  # before anything is served
    with environment.connected(settings) as sink:
        shown = read(settings, sink, table, key)
    if as_json:
        display.write_json(facts(table, shown.card) | {"customer": shown.customer, "lacking": shown.lacking or None})
    to = display.console(quiet=as_json)
    show_card(to, settings, table, shown.card, shown.customer)
    if shown.lacking:
        to.print(f"\n{shown.lacking}", soft_wrap=True)


def read(settings: project.Project, reader: ports.Sink, table: str, key: str) -> pipeline.Shown:
    """Read a row and all that is known of its customer, as the reader of the CRM.

    Raises:
        SourceError: the reader sees no row with that key.
    """
    outer = outer_name(settings, table)
    shown = pipeline.show(settings, reader, Row(table, key), outer)
    if shown is None:
        raise errors.SourceError(f"The table {outer} of the CRM has no row with this key: its key is a GUID.")
    return shown


def outer_name(settings: project.Project, table: str) -> str:
    """Return how the environment calls one of the project's tables of it.

    Raises:
        ConfigurationError: it is no table of the environment.
    """
    known = pipeline.outer_names(settings)
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


def show_card(
    to: Console,
    settings: project.Project,
    table: str,
    card: link.Card,
    customer: pipeline.Customer | None = None,
) -> None:
    """Print a row with its profile and measures, and what the last run knows of its customer."""
    _show_fields(to, f"{table} {card.key}", card.fields)
    if card.customer_id is None:
        to.print("\nNo customer: no run has linked this row yet, or its row is in no profile.")
        return
    keys = _keys_of(settings)
    own = [field for field in card.profile if field.name not in keys]
    known = [replace(field, label=keys[field.name]) for field in card.profile if keys.get(field.name)]
    origins = (
        {one.name: f"{one.row.table} {one.row.key}, its {one.column}" for one in customer.values} if customer else {}
    )
    _show_fields(to, f"Customer {card.customer_id}", own, origins)
    _show_fields(to, "Rows of this customer", known)
    if customer:
        _show_customer(to, customer)
    elif card.measures:
        _show_fields(to, "Measures", card.measures)


def _show_customer(to: Console, customer: pipeline.Customer) -> None:
    """Print measures with their time, the timeline, and who is in one cluster with the customer."""
    measured = [
        (f"  {one.name}", ", ".join(_said(row) for row in one.rows), f"since {display.value(one.as_of)}")
        for one in customer.measures
    ]
    _show_rows(to, "Measures", measured)
    happened = [
        (f"  {display.value(one.time)}", one.type, one.title or "", one.detail.replace("\n", ", "))
        for one in customer.timeline
    ]
    _show_rows(to, "What happened, the newest first", happened)
    others = [(f"  {one.kind} {one.id}", ", ".join(map(" ".join, one.members.items()))) for one in customer.clusters]
    _show_rows(to, "Clusters, and the customers in them", others)


def _said(row: dict[str, object]) -> str:
    """Return a value of a measure, several of one with their names."""
    if len(row) == 1:
        return "".join(display.value(value) for value in row.values())
    return " ".join(f"{name} {display.value(value)}" for name, value in row.items())


def _show_rows(to: Console, title: str, rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        to.print()
        to.print(title, style="bold")
        to.print(display.table(("",) * len(rows[0]), rows))


def _keys_of(settings: project.Project) -> dict[str, str]:
    """Return the profile's columns with keys: that with all keys of a table with its name, the others with none."""
    columns = {f"{table.table.replace('.', '_')}_{table.key}": table.table for table in settings.unify.tables}
    return {
        f"{settings.link.prefix}{column}{end}".lower(): name
        for column, table in columns.items()
        for end, name in (("", ""), ("_alternate", table))
    }


def _show_fields(
    to: Console, title: str, fields: Sequence[link.Field], origins: Mapping[str, str] | None = None
) -> None:
    rows = [(f"  {field.label}", display.value(field.value), (origins or {}).get(field.label, "")) for field in fields]
    _show_rows(to, title, rows if origins else [row[:2] for row in rows])


def _by_name(fields: Sequence[link.Field]) -> dict[str, object]:
    return {field.name: field.value for field in fields}

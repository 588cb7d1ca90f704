"""`check`: what a project file means, held against its sources; nothing is written."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from backstamp import errors, link, measures, pipeline, project
from backstamp.cli import access, display, environment, options, quality
from backstamp.unify import deduplicate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from backstamp.connect import ports
    from backstamp.pipeline import Described, Doubts, TableProfile
    from backstamp.unify.settings import Rule


def check(*, file: options.Project = options.FILE, show: options.Show = False, as_json: options.Json = False) -> None:
    """Say what the project file means: tables, rules, and which tables will be linked.

    Ends with 0, with 1 if a system could not be asked, with 2 if the project file is wrong.
    """
    settings = project.load(file)
    if show:
        text = project.show(settings)
        display.write_json({"project": text}) if as_json else display.write_text(text)
        return
    with environment.connected(settings) as sink, environment.organizations(settings) as others:
        described = pipeline.describe(settings, sink, others)
        systems = list(_inspected(settings, described, sink, others))
        profiles = pipeline.profile(settings, described)
    doubts = _doubts(settings)
    if as_json:
        facts = _facts(settings, described) | {"profiles": profiles, "last_run": doubts}
        told = [asdict(system) | {"missing": problems} for system, problems in systems]
        display.write_json(facts | {"environments": told})
    to = display.console(quiet=as_json)
    for system, problems in systems:
        access.show(to, system, problems)
    _show(to, settings, described, profiles, doubts)
    if any(table.failure for table in described.tables):
        raise typer.Exit(1)


def _inspected(
    settings: project.Project, described: Described, sink: ports.Sink, others: Mapping[str, ports.Sink]
) -> Iterator[tuple[ports.Inspection, list[str]]]:
    """Yield what the environment and other organizations let us do, and what is missing; not of those out of reach."""
    linked = {one.outer for one in described.eligibility.linked}
    own = pipeline.own_tables(settings)
    of_environment = [table.outer for table in described.tables if table.is_of_environment]
    asked: list[tuple[ports.Sink, list[str], set[str]]] = [(sink, [*of_environment, *own], linked)]
    for name, other in others.items():
        tables = [table.outer for table in described.tables if table.name.partition(".")[0] == name]
        asked.append((other, tables, set()))
    for system, tables, written in asked:
        with contextlib.suppress(errors.EnvironmentServiceError):  # each table says so too
            found = system.inspect(tables)
            yield found, access.missing(found, written, own if system is sink else ())


def _doubts(settings: project.Project) -> Doubts | None:
    """Return what the last run leaves in doubt; None where there was none, or a run has the warehouse now."""
    with contextlib.suppress(errors.BusyError, errors.ConfigurationError):
        return pipeline.doubts(settings)
    return None


def _rules(settings: project.Project) -> dict[str, tuple[Rule, ...]]:
    """Return the rules that deduplicate each unified table."""
    return {table.table: deduplicate.rules_of(settings.unify, table.table) for table in settings.unify.tables}


def _facts(settings: project.Project, described: Described) -> dict[str, object]:
    tables = [
        {
            "table": table.name,
            "key": table.definition.key if table.definition else None,
            "columns": len(table.definition.columns) if table.definition else None,
            "used": table.columns,
            "failure": str(table.failure) if table.failure else None,
        }
        for table in described.tables
    ]
    return {
        "file": str(settings.file),
        "tables": tables,
        "deduplicated_by": {table: [rule.name for rule in rules] for table, rules in _rules(settings).items()},
        "matched_by": [
            {"lower": match.lower, "upper": match.upper, "rules": [rule.name for rule in match.rules if rule.active]}
            for match in deduplicate.in_order(settings.unify)
        ],
        "supplied": {name: len(sheet.places) for name, sheet in described.sheets.items()},
        "relationships": {
            "ways": measures.text(settings.definitions),
            "edges": [
                {"from": one, "to": other, "key": key or None}
                for one, other, key in measures.edges(settings.definitions)
            ],
        },
        "measures": {name: asdict(measure) for name, measure in settings.definitions.measures.items()},
        "linked": [table.table for table in described.eligibility.linked],
        "not_linked": _not_linked(described),
    }


def _not_linked(described: Described) -> list[link.FailedCheck]:
    """Return why tables are not linked, as far as their systems could be asked."""
    unknown = {table.name for table in described.tables if table.failure}
    return [failed for failed in described.eligibility.failed if failed.table not in unknown]


def _show(
    to: Console,
    settings: project.Project,
    described: Described,
    profiles: Sequence[TableProfile],
    doubts: Doubts | None,
) -> None:
    _show_tables(to, described)
    quality.show_profiles(to, profiles)
    to.print("\nDuplicates inside a table are found by", style="bold")
    to.print(display.listing([(f"  {table}", _listed(rules)) for table, rules in _rules(settings).items()]))
    to.print("\nCustomers of several tables are found by", style="bold")
    between = [
        (f"  {match.lower} in {match.upper}", _listed(tuple(rule for rule in match.rules if rule.active)))
        for match in deduplicate.in_order(settings.unify)
    ]
    to.print(display.listing(between))
    to.print("\nTables lead to customers", style="bold")
    for line in measures.text(settings.definitions):
        to.print(f"  {line}", soft_wrap=True)
    if settings.definitions.measures:
        to.print("\nMeasures", style="bold")
        to.print(
            display.listing(
                [(f"  {name}", measures.in_short(measure)) for name, measure in settings.definitions.measures.items()]
            )
        )
    if described.sheets:
        to.print("\nLists that people supply in files", style="bold")
        lines = [(f"  {name}", f"{len(sheet.places):,} lines") for name, sheet in described.sheets.items()]
        to.print(display.listing(lines))
    to.print("\nLinked to their profiles will be", style="bold")
    linked = [(f"  {one.table}", "every row") for one in described.eligibility.linked]
    to.print(display.listing([*linked, *((f"  not {one.table}", one.words) for one in _not_linked(described))]))
    if doubts:
        quality.show_doubts(to, doubts)
    unread = [table.name for table in described.tables if table.failure]
    to.print()
    to.print(
        f"{settings.file} cannot be checked in full: {', '.join(unread)}." if unread else f"{settings.file} is fine."
    )


def _show_tables(to: Console, described: Described) -> None:
    rows = [
        (
            f"  {table.name}",
            table.definition.key if table.definition else "",
            f"{len(table.columns)} of {len(table.definition.columns)}" if table.definition else "",
            ", ".join(table.columns),
        )
        for table in described.tables
    ]
    to.print(display.table(("Table", "Key", ">Columns used", "Details"), rows))
    for table in described.tables:
        if table.failure:
            to.print(f"  {table.name}: {table.failure}", style="red", soft_wrap=True)


def _listed(rules: tuple[Rule, ...]) -> str:
    return ", ".join(rule.name for rule in rules) or "no rule"

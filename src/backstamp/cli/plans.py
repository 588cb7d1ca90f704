"""A plan for people: what becomes of profiles, which links change and why, and what it takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from backstamp.cli import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from backstamp import link, pipeline
    from backstamp.connect import ports


def show(to: Console, forecast: pipeline.Forecast) -> None:
    """Print a plan and what it will take."""
    plan = forecast.plan
    customers = ", ".join(f"{count:,} {what}" for what, count in asdict(plan.customers).items() if count)
    to.print(f"\nProfiles: {customers or 'no change'}.")
    if rows := list(_own_rows(plan)):
        to.print(display.table(("Our tables", ">New", ">Changed", ">Deleted"), rows))
    if plan.links:
        headings = ("Links of", ">Set", ">Changed", ">Cleared", ">Of rows", "Details")
        to.print(display.table(headings, [_link_row(linking) for linking in plan.links]))
    elif plan.skip:
        to.print(plan.skip, soft_wrap=True)
    if plan.held:
        kept = display.count(plan.held, "profile")
        to.print(f"{kept} that are gone stay: rows of tables that are linked no more point there.", soft_wrap=True)
    if not plan.count:
        to.print("There is nothing to write.")
        return
    time = f", {display.outlook(forecast.seconds)}" if forecast.seconds is not None else ""
    to.print(f"It takes {display.count(forecast.requests, 'request')}{time}.")
    if forecast.moved:
        moved = f"The time of the last change moves on {display.count(forecast.moved, 'row')} of the CRM's own tables."
        to.print(moved, soft_wrap=True)
    for table, steps in forecast.steps.items():
        for line in _what_runs(table, steps):
            to.print(line, soft_wrap=True, markup=False)
    to.print(f"\nNothing was sent. `backstamp run --approve {plan.run}` does exactly this.", soft_wrap=True)


def _what_runs(table: str, steps: ports.Steps) -> Iterator[str]:
    """Say what of the environment's own runs on the writes of a table, and what is not known of that."""
    running = [step for step in steps.told if not step.kept_from_running]
    kept = [step for step in steps.told if step.kept_from_running]
    if running:
        yield f"On the writes of {table} run: {_named(running)}."
    if kept:
        yield f"Kept from running on the writes of {table}: {_named(kept)}."
    if steps.untold:
        kinds = display.listed([f"{kind}s" for kind in steps.untold])
        yield f"The environment does not tell which {kinds} run on the writes of {table}."
    elif not steps.told:
        yield f"No plug-in, workflow or flow runs on the writes of {table}."


def _named(steps: Iterable[ports.Step]) -> str:
    return ", ".join(f"{step.kind} {step.name!r} ({step.mode})" for step in steps)


def _own_rows(plan: link.Plan) -> Iterator[tuple[str, ...]]:
    deleted = {removal.table: removal.count for removal in (*plan.removals, plan.retired)}
    for writing in plan.writings:
        gone = deleted[writing.definition.name]
        if writing.count or gone:
            label = writing.definition.display_name or writing.definition.name
            yield (f"  {label}", f"{writing.new:,}", f"{writing.changed:,}", f"{gone:,}")


def _link_row(linking: link.Linking) -> tuple[str, ...]:
    why = ", ".join(f"{reason} {count:,}" for reason, count in linking.reasons.items())
    counts = (linking.set, linking.changed, linking.cleared, linking.rows)
    return (f"  {linking.table}", *(f"{count:,}" for count in counts), why)

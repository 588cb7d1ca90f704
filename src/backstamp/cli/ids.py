"""`resolve` and `export`: what became of CustomerIds."""

from __future__ import annotations

from backstamp import errors, pipeline, project
from backstamp.cli import display, options
from backstamp.unify import history

_WHATS = ("id-changes",)


def resolve(
    customer_id: options.CustomerId, *, file: options.Project = options.FILE, as_json: options.Json = False
) -> None:
    """Say what a CustomerId that was ever given out stands for today: itself, the profiles in its place, or none.

    Needs only the ledger's folder, so that it answers while a run goes on.
    """
    found = pipeline.resolve(project.load(file).state, customer_id)
    if as_json:
        display.write_json(vars(found))
    to = display.console(quiet=as_json)
    why = f"since run {found.run}: {history.WORDS[found.reason]}"
    if found.state == "current":
        to.print(f"{found.customer_id} is the CustomerId of a profile, {why}.", soft_wrap=True)
    elif found.state == "gone":
        to.print(f"{found.customer_id} stands for no profile any more, {why}.", soft_wrap=True)
    else:
        to.print(f"{found.customer_id} stands for {', '.join(found.customer_ids)}, {why}.", soft_wrap=True)


def export(
    what: options.What,
    to: options.Target,
    *,
    run: options.OfRun = None,
    since: options.Since = 0,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Write WHAT to FILE, a .csv or .parquet: `id-changes`, the changes of CustomerIds.

    Its columns: run, old_id, new_id, reason. A consumer that keeps CustomerIds asks with --since for what came after
    the last run that it knows, and replaces old_id by new_id; without a new_id the old one stands for nobody any more.
    """
    if what not in _WHATS:
        raise errors.ConfigurationError(f"There is no `{what}` to export: only {', '.join(_WHATS)}.")
    rows = pipeline.export(project.load(file).state, to, run=run, since=since)
    if as_json:
        display.write_json({"what": what, "file": str(to), "rows": rows})
    display.console(quiet=as_json).print(f"{display.count(rows, 'change')} of CustomerIds in {to}.", soft_wrap=True)

"""Links: how they stand in each table, what waits for approval, what was written and can be undone, and a check."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from backstamp import errors, link, pipeline, runs
from backstamp.console import pages
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import Site, SiteOf
from backstamp.console.status import STATUS
from backstamp.console.worker import Order

router = APIRouter()
LINKS = "/links"
_LISTED = 20
_COLUMNS = ("key", "before", "customer_id", "_kind", "_reason")
_Number = Annotated[int, Form()]


@router.get(LINKS)
def links(request: Request, site: SiteOf, visitor: Annotated[Visitor, may(Action.SEE_DEFINITIONS)]) -> Response:
    """Show how links stand, and the plan that waits."""
    found, why = _links(site)
    waiting = found.waiting if found else None
    forecast, unforeseen = _forecast(site, waiting.number) if waiting else (None, "")
    sees_rows = forecast is not None and visitor.may(Action.SEE_CUSTOMERS)
    return pages.page(
        "links.html",
        request,
        site,
        visitor,
        found=found,
        why=why,
        waiting=waiting,
        forecast=forecast,
        unforeseen=unforeseen,
        listed=_listed(forecast.plan) if forecast and sees_rows else [],
        check=site.worker.check,
        meanings=link.MEANINGS,
    )


@router.post(LINKS + "/approve")
def approve(site: SiteOf, visitor: Annotated[Visitor, may(Action.APPROVE)], run: _Number) -> Response:
    """Send what a run that waits has planned: that, and nothing else."""
    site.worker.begin(Order(runs.Arguments(requested_by=visitor.name), approves=run))
    site.users.note(visitor.name, "approved a run", str(run))
    return pages.go(f"{STATUS}?run={run}", f"Run {run} is approved, and goes on.")


@router.post(LINKS + "/discard")
def discard(site: SiteOf, visitor: Annotated[Visitor, may(Action.RUN)], run: _Number) -> Response:
    """Forget the plan of a run that waits."""
    site.worker.cancel(run, visitor.name)
    site.users.note(visitor.name, "discarded a plan", str(run))
    return pages.go(LINKS, f"The plan of run {run} is discarded: nothing of it was sent.")


@router.post(LINKS + "/undo")
def undo(site: SiteOf, visitor: Annotated[Visitor, may(Action.UNDO)], run: _Number) -> Response:
    """Make the plan that takes a run back: it is shown, and waits for approval."""
    planned = site.worker.begin(Order(runs.Arguments(undoes=run, requested_by=visitor.name)))
    site.users.note(visitor.name, "asked to undo a run", str(run))
    return pages.go(LINKS, f"Run {planned} would undo run {run}. Nothing is done yet: see below what it comes to.")


@router.post(LINKS + "/verify")
def verify(site: SiteOf, visitor: Annotated[Visitor, may(Action.RUN)]) -> Response:
    """Begin to check all links."""
    site.worker.verify(visitor.name)
    site.users.note(visitor.name, "checked the links")
    return pages.go(f"{LINKS}#check")


def _links(site: Site) -> tuple[pipeline.Links | None, str]:
    """Return how links stand, or why that cannot be said now."""
    try:
        return pipeline.links(site.project), ""
    except (errors.ConfigurationError, errors.BusyError) as error:
        return None, str(error)


def _forecast(site: Site, number: int) -> tuple[pipeline.Forecast | None, str]:
    """Return what a plan will take, or why that cannot be said now."""
    settings = site.project
    try:
        with site.connections.environment(settings) as environment:
            return pipeline.forecast(settings, environment, number), ""
    except errors.BackstampError as error:
        return None, str(error)


def _listed(plan: link.Plan) -> list[tuple[str, Sequence[dict[str, Any]]]]:
    """Return the first links that a plan writes, by table."""
    first = ((one.table, next(plan.rows(one.list, _COLUMNS, _LISTED), None)) for one in plan.links if one.count)
    return [(table, batch.to_pylist()) for table, batch in first if batch is not None]

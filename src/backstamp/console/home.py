"""Home: customers, rows of each source, links, the last run, and what needs attention."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response

from backstamp import errors, pipeline, runs
from backstamp.console import pages
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import Remembered, Site, SiteOf
from backstamp.runs import words

router = APIRouter()


@dataclass(frozen=True)
class Matter:
    """Something that needs attention: what, and where one sees more."""

    text: str
    href: str
    kind: str = "doubt"


@router.get("/")
def home(request: Request, site: SiteOf, visitor: Annotated[Visitor, may(Action.SEE_STATUS)]) -> Response:
    """Show how it stands."""
    last = site.status.last()
    found, why = _overview(site)
    return pages.page(
        "home.html",
        request,
        site,
        visitor,
        last=last,
        overview=found,
        why=why,
        matters=list(_matters(last)) if last else [],
    )


def _overview(site: Site) -> tuple[pipeline.Overview | None, str]:
    """Return what there is, or why that cannot be said now."""
    try:
        return _counted(site), ""
    except (errors.ConfigurationError, errors.BusyError) as error:
        return None, str(error)


@Remembered
def _counted(site: Site) -> pipeline.Overview:
    """Count once what cannot change before the next run."""
    return pipeline.overview(site.project)


def _matters(last: runs.Run) -> Iterator[Matter]:
    href = f"/settings/system/status?run={last.number}"
    if words.has_died(last):
        yield Matter(words.standing(last), href, "bad")
    if last.status is runs.TaskStatus.WAITING_FOR_APPROVAL:
        yield Matter(f"Run {last.number} waits for approval.", "/links")
    for task in last.tasks:
        if task.status in runs.FAILURES:
            yield Matter(f"{task.name} failed: {task.details}", href, "bad")
    for task in last.tasks:
        for warning in task.warnings:
            yield Matter(f"{task.name}: {warning}", href)

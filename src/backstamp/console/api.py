"""The HTTP API, version 1, for programs: runs and their status. With a bearer token, or in a browser with a session."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, HTTPException, Path, Query, Security
from fastapi.security import HTTPBearer

from backstamp import pipeline, runs
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import Site, SiteOf
from backstamp.console.status import find_task
from backstamp.console.worker import Order
from backstamp.runs import words


@dataclass(frozen=True)
class Error:
    """What is wrong, and what to do about it."""

    kind: str
    message: str


@dataclass(frozen=True)
class Problem:
    """The body of every answer that is no success."""

    error: Error


@dataclass(frozen=True)
class NewRun:
    """What a run is to do.

    Attributes:
        full: read and compute everything instead of what changed.
        draft: stop before anything is published or sent, and wait for approval.
        new_ids: where the warehouse is lost, give new CustomerIds instead of taking those of the environment.
        until: where a draft ends that is to be looked at only.
        accept_loss: sources, or `source.table`, that are believed however much they lack.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    full: bool = False
    draft: bool = False
    new_ids: bool = False
    until: runs.Until | None = None
    accept_loss: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begun:
    """The run that was begun, or goes on."""

    run: int


@dataclass(frozen=True)
class Standing:
    """The last run, None before the first, and how it stands in a sentence."""

    run: runs.Run | None
    died: bool
    standing: str


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in (401, 403, 422, *codes)}


_bearer = HTTPBearer(auto_error=False, description="A token of your account, or of an administrator's.")
router = APIRouter(prefix="/api/v1", tags=["runs"], responses=_problems(), dependencies=[Security(_bearer)])
_Seeing = Annotated[Visitor, may(Action.SEE_STATUS)]
_Running = Annotated[Visitor, may(Action.RUN)]
_Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of a run.")]


@router.get("/status")
def status(site: SiteOf, visitor: _Seeing) -> Standing:  # noqa: ARG001 - what it asks for is in its type
    """Tell the last run with its tasks, also while it goes on."""
    last = site.status.last()
    if last is None:
        return Standing(None, died=False, standing="There has been no run yet.")
    return Standing(last, died=words.has_died(last), standing=words.standing(last))


@router.get("/runs")
def listed(
    site: SiteOf,
    visitor: _Seeing,  # noqa: ARG001
    count: Annotated[int, Query(ge=1, le=100, description="How many.")] = 10,
) -> list[runs.Run]:
    """List the newest runs with their tasks, newest first."""
    return site.status.history(count)


@router.get("/runs/{number}", responses=_problems(404))
def run(site: SiteOf, visitor: _Seeing, number: _Number) -> runs.Run:  # noqa: ARG001
    """Tell one run with its tasks."""
    return _find(site, number)


@router.get("/runs/{number}/tasks/{position}/lines", responses=_problems(404))
def lines(
    site: SiteOf,
    visitor: _Seeing,  # noqa: ARG001
    number: _Number,
    position: Annotated[int, Path(ge=1, le=2**31 - 1, description="The place of a task in its run.")],
) -> list[runs.Line]:
    """Tell what a task said while it worked, oldest first."""
    find_task(site, number, position)
    return site.status.lines(number, position)


@router.post("/runs", status_code=202, responses=_problems(409, 502))
def begin(site: SiteOf, visitor: _Running, wanted: NewRun) -> Begun:
    """Begin a run; it goes on when this is answered."""
    wanted = replace(wanted, draft=wanted.draft or wanted.until is not None)
    number = site.worker.begin(Order(runs.Arguments(**vars(wanted), requested_by=visitor.name)))
    site.users.note(visitor.name, "started a run", str(number))
    return Begun(number)


@router.post("/runs/{number}/cancel", status_code=202, responses=_problems(404, 409))
def cancel(site: SiteOf, visitor: _Running, number: _Number) -> Begun:
    """Ask a run to stop, which it does between two batches; or discard the plan of one that waits for approval."""
    found = _find(site, number)
    site.worker.cancel(number, visitor.name)
    waits = found.status is runs.TaskStatus.WAITING_FOR_APPROVAL
    site.users.note(visitor.name, "discarded a plan" if waits else "canceled a run", str(number))
    return Begun(number)


@router.post("/runs/{number}/approve", status_code=202, responses=_problems(404, 409, 502))
def approve(site: SiteOf, visitor: Annotated[Visitor, may(Action.APPROVE)], number: _Number) -> Begun:
    """Send what a run that waits for approval has planned: that, and nothing else."""
    _find(site, number)
    site.worker.begin(Order(runs.Arguments(requested_by=visitor.name), approves=number))
    site.users.note(visitor.name, "approved a run", str(number))
    return Begun(number)


@router.post("/runs/{number}/undo", status_code=202, responses=_problems(404, 409, 502))
def undo(site: SiteOf, visitor: Annotated[Visitor, may(Action.UNDO)], number: _Number) -> Begun:
    """Plan what puts back what a run wrote; that plan is a run which waits for approval."""
    _find(site, number)
    planned = site.worker.begin(Order(runs.Arguments(undoes=number, requested_by=visitor.name)))
    site.users.note(visitor.name, "asked to undo a run", str(number))
    return Begun(planned)


@router.get("/customers", tags=["customers"], responses=_problems(409))
def customers(
    site: SiteOf,
    visitor: Annotated[Visitor, may(Action.SEE_CUSTOMERS)],  # noqa: ARG001
    text: Annotated[
        str, Query(max_length=200, description="A name, e-mail address, telephone number, key or CustomerId.")
    ],
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 20,
) -> tuple[pipeline.Hit, ...]:
    """Find customers."""
    settings = site.project
    return pipeline.search(settings.state, settings.engine, text, limit)


def _find(site: Site, number: int) -> runs.Run:
    found = site.status.run(number)
    if found is None:
        raise HTTPException(404, f"There is no run {number}.")
    return found

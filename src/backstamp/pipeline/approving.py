"""A draft that waits, approved: it is published, and what its plan says is sent, nothing else (linking.md 6)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from backstamp import engine as engines
from backstamp import errors, link, runs
from backstamp.pipeline import history, hydrating, notifying, output, reading
from backstamp.pipeline.hydrating import PLAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstamp import project
    from backstamp.connect import ports


def approve(
    settings: project.Project,
    environment: ports.Sink,
    number: int,
    *,
    began: Callable[[runs.Run], None] = runs.unheard,
) -> runs.Run:
    """Go on with a run that waits for approval, and return how it ended.

    This ends the hold of the environment; or begins it, where the run undoes another one.

    Just before a batch, rows that are gone, or whose links are not those that the plan saw, are left out.

    Args:
        settings: the project.
        environment: where links are written.
        number: of the run.
        began: called with the run when it goes on.

    Raises:
        ConfigurationError: it does not wait, or another draft does.
        BusyError: another run is going on, or another process has the warehouse open.
    """
    with runs.Ledger(settings.ledger_location) as ledger, ExitStack() as held:
        ledger.make_way()  # to open the warehouse would drop what another run of this process has in its draft
        with engines.open_warehouse(settings.state, settings.engine) as engine:
            if engine.aside() != number:
                raise errors.ConfigurationError(_not_waiting(number, engine.aside()))
            current = ledger.resume_run(number)
            began(current)
            failure: BaseException | None = None
            try:
                work = _publish(settings, engine, ledger, current, held)
                output.write_published(settings, engine, ledger, current)
            except (errors.BackstampError, KeyboardInterrupt) as error:
                return ledger.end_run(current, error)
        try:
            steps = hydrating.steps_of(settings)
            hydrating.Hydrating(environment, ledger, current, steps).hydrate(work)
        except (errors.BackstampError, KeyboardInterrupt) as error:
            failure = error
        ended = ledger.end_run(current, failure)
        notifying.tell_of_run(settings, ledger, ended)
        return ended


def _publish(
    settings: project.Project, engine: engines.Engine, ledger: runs.Ledger, current: runs.Run, held: ExitStack
) -> hydrating.Work:
    """Publish the draft, under the lease of the environment, which `held` gets."""
    name = hydrating.name_of(settings)
    with ledger.task(current, PLAN) as task, ExitStack() as leased:
        plan = link.load(settings.state, current.number)
        if plan is None:
            raise errors.ConfigurationError(f"The work lists of run {current.number} are not there any more.")
        lease = leased.enter_context(ledger.lease(name, current))
        engine.take_up()
        engine.publish()
        history.write(engine, settings.state)
        ledger.note_published(current, reading.tokens(engine))
        if current.arguments.undoes is None:
            ledger.release(name)
        else:
            ledger.hold(name, current)
        task.rows = plan.count
        held.enter_context(leased.pop_all())
        return hydrating.Work(plan, lease, careful=True)


def _not_waiting(number: int, waiting: int | None) -> str:
    what = "no run waits" if waiting is None else f"run {waiting} waits"
    return f"Run {number} does not wait for approval: {what}. `backstamp plan` shows what a run would do now."

"""Writing a plan to the environment, task by task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstamp import errors, link, runs
from backstamp.pipeline import attempts, hydrated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp import project
    from backstamp.connect import ports
    from backstamp.runs import Lease


PLAN = runs.PlannedTask("Dataverse Hydration", "Plan")
"""The task that says what is to be written, and waits for approval where that is wanted."""


def name_of(settings: project.Project) -> str:
    """Return how the ledger calls the environment of a project."""
    return str(getattr(settings.environment, "url", "the embedded CRM"))


def steps_of(settings: project.Project) -> tuple[link.Step, ...]:
    """Return the steps of hydration that a project has, in their order."""
    return tuple(step for step in link.STEPS if step is not link.MEASURES or hydrated.tables(settings))


@dataclass(frozen=True)
class Work:
    """What is to be sent, by whom, and the lease under which it is."""

    plan: link.Plan
    lease: Lease
    careful: bool = False


@dataclass(frozen=True)
class Hydrating:
    """A run that writes to the environment."""

    environment: ports.Sink
    ledger: runs.Ledger
    current: runs.Run
    steps: Sequence[link.Step]

    def hydrate(self, work: Work) -> None:
        """Send what the plan says, step by step; what a failed step is needed for is skipped.

        Where a newer run wants to go on, the batches in flight are ended, and what is left is skipped.
        """
        failed: set[str] = set()
        for place, step in enumerate(self.steps):
            stopped = [needed.planned.name for needed in step.needs if needed.planned.name in failed]
            if stopped:
                failed.add(step.planned.name)
                self.ledger.skip(self.current, step.planned, f"{stopped[0]} failed or was skipped.")
                continue
            try:
                self._do(step, work)
            except errors.CanceledError:
                raise
            except errors.ContinuedError as continued:
                for left in self.steps[place + 1 :]:
                    self.ledger.skip(self.current, left.planned, str(continued))
                return
            except errors.BackstampError:
                failed.add(step.planned.name)

    def _do(self, step: link.Step, work: Work) -> None:
        """Do a step, again where no answer came: it goes on where it stopped."""

        def check() -> None:
            self.ledger.check_canceled(self.current)
            work.lease.check()

        def attempt(task: runs.RunningTask) -> None:
            journal, careful = self.ledger.journal, work.careful
            step.work(link.Hydration(work.plan, self.environment, journal, task, check, careful=careful))

        attempts.repeated(self.ledger, self.current, step.planned, attempt, check)

"""Which tables may be linked, and what stands in the way of the others (linking.md 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Check = Literal[
    "environment", "connector", "name", "primary key", "audience", "output", "in unification", "column", "rights"
]

NONE_FROM_ENVIRONMENT = (
    "Error: The backstamping job is skipped. It only runs when unification setup contains tables that are ingested to"
    " Customer Insights from the same Dataverse organization that was configured or selected during instance creation."
)
NONE_LINKED = "Error: Linking of Dataverse tables to the CustomerProfile table is skipped."


@dataclass(frozen=True)
class Obstacle:
    """What the environment itself has against links of a table's rows, with what to do about it."""

    check: Check
    words: str


@dataclass(frozen=True)
class Candidate:
    """What is to be known of a table to decide whether it may be linked.

    Attributes:
        table: as the project names it (`crm.contact`).
        outer: as the system that it comes from does (`contact`).
        default_environment: its rows are those of the default environment, not of another one.
        connector: it came through an environment's own connector, not as files.
        key: the key used in unification; None where the table is not unified.
        true_key: its actual primary key; "" where the system that it comes from names none.
        obstacles: what the environment has against it.
    """

    table: str
    outer: str
    default_environment: bool
    connector: bool
    key: str | None
    true_key: str
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True)
class FailedCheck:
    """A check that a table did not pass: the words say what is wrong and what to do."""

    table: str
    check: Check
    words: str


@dataclass(frozen=True)
class Eligibility:
    """Which tables are linked, and what kept the others from it.

    Attributes:
        linked: tables that passed every check.
        failed: what the others failed.
        skip: the reason why the task is skipped, to the letter where the reference has a message; "" where it runs.
    """

    linked: tuple[Candidate, ...]
    failed: tuple[FailedCheck, ...]
    skip: str

    @property
    def hindered(self) -> tuple[FailedCheck, ...]:
        """What the environment has against tables that the project means to have linked."""
        return tuple(failed for failed in self.failed if failed.check in {"column", "rights"})


def eligibility(candidates: Sequence[Candidate], audience: str, *, own_lake: bool = False) -> Eligibility:
    """Decide which tables are linked; those that pass are, even where others fail.

    Args:
        candidates: the tables.
        audience: whom the customers of the default environment are.
        own_lake: the project writes its output to the user's own data lake.
    """
    failures = {candidate: tuple(_failures(candidate, audience, own_lake=own_lake)) for candidate in candidates}
    linked = tuple(candidate for candidate, failed in failures.items() if not failed)
    failed = tuple(check for checks in failures.values() for check in checks)
    if linked:
        return Eligibility(linked, failed, "")
    from_environment = any(
        candidate.default_environment and candidate.connector and candidate.key for candidate in candidates
    )
    message = NONE_LINKED if from_environment else NONE_FROM_ENVIRONMENT
    return Eligibility((), failed, "\n".join([message, *(f"{check.table}: {check.words}" for check in failed)]))


def _failures(candidate: Candidate, audience: str, *, own_lake: bool) -> Iterator[FailedCheck]:
    """Yield what a table fails; of rows that are not the environment's own nothing more is asked."""

    def failed(check: Check, words: str) -> FailedCheck:
        return FailedCheck(candidate.table, check, words)

    if candidate.key is None:
        yield failed("in unification", "It is not one of the unified tables: add it to unify.tables.")
    if not candidate.connector:
        yield failed(
            "connector",
            "It did not come through the environment's own connector:"
            " read it from the environment (`from: environment`) instead of from files.",
        )
        return
    if not candidate.default_environment:
        yield failed(
            "environment", "It comes from another environment than the project's own: read it with `from: environment`."
        )
        return
    name = candidate.table.partition(".")[2]
    if name != candidate.outer:
        yield failed("name", f"It was renamed on the way in: call it {candidate.outer}, as the environment does.")
    if candidate.key is not None and candidate.key != candidate.true_key:
        yield failed(
            "primary key",
            f"Its key in unification is {candidate.key}, its primary key {candidate.true_key}: unify it by that.",
        )
    if audience != "individuals":
        yield failed(
            "audience",
            f"The environment is for {audience}: only environments for individuals are linked (environment.audience).",
        )
    if own_lake:
        yield failed(
            "output",
            "The project writes its output to a data lake of its own: leave output.data_lake out to have rows linked.",
        )
    for obstacle in candidate.obstacles:
        yield failed(obstacle.check, obstacle.words)

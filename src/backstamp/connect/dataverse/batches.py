"""Which rows to send next, after what became of the last ones; nothing here talks to anyone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

PATIENCE = 5
"""How many times in a row a time-out or deadlock is answered with smaller batches before its rows are refused."""


@dataclass(frozen=True)
class Target:
    """A row to write: its key and the JSON object that says what."""

    key: str
    body: Mapping[str, object]


@dataclass(frozen=True)
class Batch:
    """Rows for one request, and how often in a row the service had been too strained to take them."""

    targets: Sequence[Target]
    strains: int = 0


@dataclass(frozen=True)
class Verdict:
    """What the service said about a whole batch, of which it has written all rows or none, or about each row.

    Attributes:
        state: "written"; "refused" (some row is wrong); "gone" (some row is not there any more); "strained" (a
            time-out or a deadlock: nothing is wrong with the rows); "each" (every row has a verdict of its own).
        code: the service's error code.
        message: its own words; they may quote a row.
        of_rows: of "each", the verdicts in the order of the rows.
    """

    state: Literal["written", "refused", "gone", "strained", "each"]
    code: str = ""
    message: str = ""
    of_rows: Sequence[Verdict] = ()


def deliver(targets: Iterable[Target], size: int) -> Generator[Batch, Verdict, list[ports.Outcome]]:
    """Yield one batch after the other, receive the verdict on each, and return how every row ended.

    Rows go in order of their keys, so that two writers never wait for each other in a ring; of several rows with one
    key the last counts. A batch that fails is halved until the bad row alone is left (linking.md, section 5).
    """
    ordered = sorted({target.key: target for target in targets}.values(), key=lambda target: target.key)
    waiting = [Batch(ordered[start : start + size]) for start in range(0, len(ordered), size)]
    waiting.reverse()
    outcomes: list[ports.Outcome] = []
    while waiting:
        batch = waiting.pop()
        verdict = yield batch
        for part, said in reversed(_parts(batch, verdict)):
            ended = _ended(part, said)
            if ended is None:
                waiting += _halves(part, min(PATIENCE, part.strains + (said.state == "strained")))
            outcomes += ended or ()
    return outcomes


def _parts(batch: Batch, verdict: Verdict) -> list[tuple[Batch, Verdict]]:
    """Return the rows with the verdict on them, those that strained the service together."""
    if verdict.state != "each":
        return [(batch, verdict)]
    both = list(zip(batch.targets, verdict.of_rows, strict=True))
    parts = [(Batch([target], batch.strains), said) for target, said in both if said.state != "strained"]
    strained = [(target, said) for target, said in both if said.state == "strained"]
    if strained:
        parts.append((Batch([target for target, _ in strained], batch.strains), strained[0][1]))
    return parts


def _ended(batch: Batch, verdict: Verdict) -> list[ports.Outcome] | None:
    """Return how the rows ended, None where they have to be sent once more, in smaller batches."""
    if verdict.state == "written":
        return [ports.Outcome(target.key, "acknowledged") for target in batch.targets]
    may_pass = verdict.state == "strained" and batch.strains < PATIENCE
    if may_pass or len(batch.targets) > 1:
        return None
    state = "gone" if verdict.state == "gone" else "refused"
    return [ports.Outcome(batch.targets[0].key, state, verdict.code, verdict.message)]


def _halves(batch: Batch, strains: int) -> list[Batch]:
    """Return the second and the first half, as a stack wants them; a single row stays one batch."""
    middle = len(batch.targets) // 2
    halves = (batch.targets[middle:], batch.targets[:middle])
    return [Batch(half, strains) for half in halves if half]

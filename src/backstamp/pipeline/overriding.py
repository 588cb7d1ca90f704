"""What people say of two rows, that they are one customer or are not: put into the list that the next run reads.

The list is the CSV file that the project names under `unify.overrides` (unification.md 5). It is written beside itself
and then renamed, so that a run reads it whole whenever it comes; two who write take turns.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from backstamp import errors, shapes
from backstamp.connect import lists
from backstamp.unify import places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from backstamp import project
    from backstamp.unify.explain import Row

Kind = Literal["always", "never"]
_MISSING = """\
The project names no list of such pairs. Add these lines under `unify:` in {file}, and try again:

  overrides:
    always: always.csv
    never: never.csv"""
_MISSING_ONE = """\
The project names no list of such pairs. Add this line to `overrides` under `unify:` in {file}, and try again:

    {kind}: {kind}.csv"""


def override(settings: project.Project, kind: Kind, left: Row, right: Row, why: str, by: str) -> None:
    """Say that two rows are always, or never, one customer; it counts from the next run on.

    Args:
        settings: the project.
        kind: which of both.
        left: the one row, its key as the run knows it.
        right: the other.
        why: for those who read it later.
        by: who says it.

    Raises:
        ConfigurationError: the project names no file for it, the file cannot be read or written, or the pair is in one
            of the two lists already.
    """
    name = getattr(settings.unify.overrides, kind)
    if name is None:
        both = settings.unify.overrides.always or settings.unify.overrides.never
        raise errors.ConfigurationError((_MISSING_ONE if both else _MISSING).format(file=settings.file.name, kind=kind))
    if name in settings.tables:
        raise errors.ConfigurationError(f"The list of such pairs is the table {name}: add the pair there.")
    file = settings.folder / name
    told = dict(zip(places.PAIR, (left.table, left.key, right.table, right.key), strict=True))
    told |= {"why": " ".join(why.split()), "by": by, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    try:
        with _alone(settings.state):
            _refuse_known(settings, {left, right})
            _append(file, told)
    except OSError as error:
        raise errors.ConfigurationError(f"{file} cannot be written: {error.strerror}.") from error


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Wait until nobody else writes."""
    with (state / "overrides.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _refuse_known(settings: project.Project, pair: set[Row]) -> None:
    """Refuse a pair that a list has already: in the same it is said, in the other one it is a contradiction."""
    for kind in (shapes.ALWAYS, shapes.NEVER):
        name = getattr(settings.unify.overrides, kind)
        file = settings.folder / (name or "")
        if name is None or name in settings.tables or not file.exists():
            continue
        rows = lists.read(file)
        _, heading = next(rows, (None, []))
        for place, row in rows:
            said = dict(zip(heading, row, strict=False))
            ends = {(said.get(f"{side}_table"), said.get(f"{side}_key")) for side in ("left", "right")}
            if ends == {(one.table, one.key) for one in pair}:
                raise errors.ConfigurationError(f"This pair is one of `{kind}` already: remove that line first.", place)


def _append(file: Path, told: dict[str, str]) -> None:
    """Put a line at the end of a file, in the order of its heading; make the file where there is none."""
    before = file.read_bytes() if file.exists() else b""
    heading = next((row for _, row in lists.read(file)), None) if before else None
    line = io.StringIO()
    if before and not before.endswith(b"\n"):
        line.write("\n")
    writer = csv.DictWriter(line, heading or places.OVERRIDES, restval="", extrasaction="ignore", lineterminator="\n")
    if heading is None:
        writer.writeheader()
    writer.writerow(told)
    draft = file.with_name(f".{file.name}.draft")
    with draft.open("wb") as opened:
        opened.write(before + line.getvalue().encode())
        opened.flush()
        os.fsync(opened.fileno())
    if before:
        shutil.copymode(file, draft)
    draft.replace(file)

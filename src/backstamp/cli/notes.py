"""Which process serves what of a project: a note in the folder of state, as long as it does.

A note is its owner's only, since it can hold a token.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from backstamp import runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Note:
    """Where something is served, and by which token commands of this machine come in; "" where they have another."""

    url: str
    token: str = field(default="", repr=False)


@contextmanager
def announced(file: Path, note: Note) -> Iterator[None]:
    """Let other commands know, as long as the block lasts, what this process serves."""
    text = json.dumps({**asdict(note), **asdict(runs.Owner.this_process())})
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def of_living(file: Path) -> Note | None:
    """Return what a living process has noted; forget the note of one that has died."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        note, owner = Note(str(told.pop("url")), str(told.pop("token", ""))), runs.Owner(**told)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):  # a process was killed while it wrote
        note, owner = None, None
    # A process on another host cannot be asked, and its loopback address is none of ours.
    if owner is None or owner.is_gone(datetime.fromtimestamp(0, UTC), timedelta(0)):
        file.unlink(missing_ok=True)
        return None
    return note

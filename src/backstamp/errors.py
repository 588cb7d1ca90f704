"""What can go wrong, as a tree.

    BackstampError                what it is, and what to do about it
    ├── ConfigurationError        the project file or the arguments are wrong (exit code 2)
    ├── SourceError               a table of a source cannot be read or believed
    │   └── FeedEndedError        the change feed cannot go on: read in full
    ├── EnvironmentServiceError   the environment refused or did not answer
    │   ├── UnauthorizedError     who we are, or what we may, is not enough
    │   ├── TransientError        trying again can help
    │   └── RefusedError          this request is wrong for these rows; others may pass
    ├── BusyError                 another process holds the warehouse or the lease
    ├── CanceledError             somebody asked the run to stop
    └── ContinuedError            a newer run goes on with what this one writes

A message is whole sentences: what is wrong, where, and what to do. It never holds a value of a row.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class BackstampError(Exception):
    """Base of all errors that a user is shown as a sentence instead of a stack trace."""


@dataclass(frozen=True)
class Location:
    """A place in a text file; line and column count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True)
class Problem:
    """A setting that is wrong: its place in the project file, as keys and indexes, and a sentence that says why."""

    path: tuple[str | int, ...]
    message: str


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of these names that is written most like this one, if any is near."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1)), None)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about a wrong name: " Did you mean …?", or "" where none is near."""
    near = nearest(name, names)
    return f" Did you mean `{near}`?" if near else ""


class ConfigurationError(BackstampError):
    """The project file or the arguments are wrong; nothing was written."""

    def __init__(self, message: str, location: Location | None = None) -> None:
        self.message = message
        self.location = location
        super().__init__(f"{location}: {message}" if location else message)


class SourceError(BackstampError):
    """A table of a source cannot be read, or what was read cannot be believed."""


class FeedEndedError(SourceError):
    """The change feed of a table cannot go on from its token: read the table in full."""


class EnvironmentServiceError(BackstampError):
    """The environment refused a request or did not answer it.

    Attributes:
        status: the HTTP status, or None where no answer came.
        code: the service's own error code (`0x80040217`), or "".
    """

    def __init__(self, message: str, *, status: int | None = None, code: str = "") -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class UnauthorizedError(EnvironmentServiceError):
    """The credential is not accepted, or its rights are not enough."""


class TransientError(EnvironmentServiceError):
    """Nothing is wrong with the request: trying it again later can help."""


class RefusedError(EnvironmentServiceError):
    """The request is wrong for at least one of its rows."""


class BusyError(BackstampError):
    """Another process holds what this command needs."""


class CanceledError(BackstampError):
    """Somebody asked the run to stop."""


class ContinuedError(BackstampError):
    """A newer run goes on with what this one was writing to the environment."""

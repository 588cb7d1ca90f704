"""The server of a project, where one runs on this machine: it owns the warehouse, so other commands ask it."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, NoReturn

from backstamp import errors, http, runs
from backstamp.cli import notes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NOTE = "server.json"
_LOOK_EVERY_SECONDS = 0.25
_ERRORS = {"ConfigurationError": errors.ConfigurationError, "BusyError": errors.BusyError}


class Server:
    """A running server, asked over its HTTP API as who started it."""

    def __init__(self, note: notes.Note) -> None:
        self.url = note.url
        self._token = note.token

    def begin(self, arguments: runs.Arguments) -> int:
        """Begin a run there; return its number.

        Raises:
            BackstampError: what the server says.
        """
        if arguments.undoes is not None:
            return self._post(f"runs/{arguments.undoes}/undo", {})
        wanted = ("full", "draft", "until", "new_ids", "accept_loss")
        return self._post("runs", {name: getattr(arguments, name) for name in wanted})

    def approve(self, number: int) -> int:
        """Let be sent what a run waits with."""
        return self._post(f"runs/{number}/approve", {})

    def _post(self, path: str, body: Mapping[str, object]) -> int:
        with closing(http.Client(self.url, lambda: self._token, headers={})) as client:
            answer = client.send("POST", f"/api/v1/{path}", body=body)
        told = answer.json()
        if answer.status != 202:
            _raise(told["error"])
        return int(told["run"])


def note_file(state: Path) -> Path:
    """Return the file by which the server of a project is found."""
    return state / _NOTE


def of_project(state: Path) -> Server | None:
    """Return the running server of the project whose folder of state this is, None without one."""
    note = notes.of_living(note_file(state))
    return Server(note) if note else None


def wait_for(ledger: str | Path, number: int) -> runs.Run:
    """Wait until a run of another process has ended, or waits for approval; return it."""
    with runs.Status(ledger) as status:
        while True:
            found = status.run(number)
            if found is not None and found.status not in runs.UNDER_WAY:
                return found
            time.sleep(_LOOK_EVERY_SECONDS)


def _raise(told: Mapping[str, str]) -> NoReturn:
    raise _ERRORS.get(told["kind"], errors.BackstampError)(told["message"])

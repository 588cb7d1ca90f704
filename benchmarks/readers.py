"""What readers of the console wait for while a run writes.

    backstamp demo demo --people 20000
    python benchmarks/readers.py demo/backstamp.yaml
    python benchmarks/readers.py demo/backstamp.yaml --readers 50 --path / --path /customers --pause 5

Each reader asks for one page after the other, over a connection that stays open, as long as a run over everything goes
on: first people, who look at each page for a second, then programs, which never pause. The server is a process of its
own on this machine; the readers are threads of another.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from unify import describe_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PAUSES = (1.0, 0.0)
PATHS = ("/", "/settings/system/status", "/api/v1/status", "/api/v1/runs?count=5")


@dataclass(frozen=True)
class Server:
    """A console, and a token that may do everything there."""

    url: str
    token: str

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask the API."""
        with closing(self.connection()) as connection:
            headers = {**self.headers, "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return json.loads(connection.getresponse().read())

    def connection(self) -> http.client.HTTPConnection:
        """Return a new connection."""
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Readers:
    """How many there are, what they read in turn, and for how many seconds they look at each page."""

    count: int
    pause: float = 0.0
    paths: Sequence[str] = PATHS


@dataclass(frozen=True)
class Reading:
    """What readers met: how long each request took, in seconds, and those that were not answered with 200."""

    seconds: list[float]
    errors: list[str]

    def percentile(self, of: int) -> float:
        """Return how long so many per cent of the requests took at most."""
        return statistics.quantiles(self.seconds, n=100)[of - 1]


def read_while_running(server: Server, readers: Readers) -> Reading:
    """Begin a run over everything, and read pages until it has ended."""
    number = server.ask("POST", "/api/v1/runs", {"full": True})["run"]
    with ThreadPoolExecutor(readers.count + 1) as pool:
        watching = pool.submit(_wait, server, number)
        reading = [pool.submit(_read, server, readers, place, watching.done) for place in range(readers.count)]
        found = [one.result() for one in reading]
    return Reading([time for one in found for time in one.seconds], [error for one in found for error in one.errors])


def _wait(server: Server, number: int) -> None:
    while server.ask("GET", f"/api/v1/runs/{number}")["ended"] is None:
        time.sleep(0.2)


def _read(server: Server, readers: Readers, place: int, is_over: Callable[[], bool]) -> Reading:
    found = Reading([], [])
    time.sleep(readers.pause * place / readers.count)
    with closing(server.connection()) as connection:
        for path in itertools.islice(itertools.cycle(readers.paths), place, None):
            began = time.perf_counter()
            connection.request("GET", path, headers=server.headers)
            answer = connection.getresponse()
            answer.read()
            found.seconds.append(time.perf_counter() - began)
            if answer.status != 200:
                found.errors.append(f"{path}: {answer.status}")
            if is_over():
                return found
            time.sleep(readers.pause)
    return found


@contextmanager
def _serving(file: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "backstamp", "serve", "--port", "0", "--project", str(file), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout  # noqa: S101 - it was asked for
        process.stdout.readline()
        note = file.parent / ".backstamp" / "server.json"
        while not note.exists():
            time.sleep(0.1)
        told = json.loads(note.read_text())
        try:
            yield Server(told["url"], told["token"])
        finally:
            process.terminate()


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the project file of a demo that has run")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--path", action="append", help="what is read; may be given several times")
    parser.add_argument("--pause", action="append", type=float, help="seconds; may be given several times")
    arguments = parser.parse_args()
    print(describe_machine())
    with _serving(arguments.file) as server:
        _warm_up(server, arguments.path or PATHS)
        for pause in arguments.pause or PAUSES:
            _print(pause, read_while_running(server, Readers(arguments.readers, pause, arguments.path or PATHS)))


def _warm_up(server: Server, paths: Sequence[str]) -> None:
    """Ask for each page once: the first time its template is compiled."""
    with closing(server.connection()) as connection:
        for path in paths:
            connection.request("GET", path, headers=server.headers)
            connection.getresponse().read()


def _print(pause: float, found: Reading) -> None:
    print(f"a pause of {pause:g} s: {len(found.seconds):,} requests, {len(found.errors)} not answered as they should")
    for of in (50, 95, 99):
        print(f"  {of} % within {found.percentile(of) * 1000:,.0f} ms")


if __name__ == "__main__":
    main()

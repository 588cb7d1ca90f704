"""What pages and API work with: one project, its ledger, and the worker that does its runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Request

from backstamp import engine as engines
from backstamp import pipeline, project, runs
from backstamp.console.worker import Connections, Worker


@dataclass(frozen=True, eq=False)
class Site:
    """One project, served.

    Attributes:
        file: the project file; read again where it has changed.
        connections: how its systems are reached.
        users: who may sign in.
        status: how runs went.
        worker: does runs.
        login: who started the server: as whom commands on this machine come.
        local_token: by which they do.
        first_word: what who makes the first administrator on a page has to know.
    """

    file: Path
    connections: Connections
    users: runs.Users
    status: runs.Status
    worker: Worker
    login: str
    local_token: str = field(repr=False)
    first_word: str = field(repr=False)

    @property
    def project(self) -> project.Project:
        """The project, as its file is now.

        Raises:
            ConfigurationError: something in it is wrong.
        """
        return _load(self.file, self.file.stat().st_mtime_ns)

    @property
    def provider_name(self) -> str:
        """How the button of single sign-on calls the provider, "" without one."""
        sign_on = self.project.console.single_sign_on
        return sign_on.name if sign_on else ""

    @property
    def title(self) -> str:
        """What the project is called: its folder."""
        return self.file.resolve().parent.name

    @contextmanager
    def warehouse(self) -> Iterator[engines.Engine]:
        """Give what the last run published, as one moment; also while a run goes on in this process.

        Raises:
            ConfigurationError: no run has published profiles yet.
            BusyError: another process has the warehouse open.
        """
        settings = self.project
        with pipeline.opened(settings.state, settings.engine) as engine:
            yield engine


_Found = TypeVar("_Found")


@dataclass(frozen=True)
class _Kept(Generic[_Found]):
    site: Site
    published: object
    found: _Found


class Remembered(Generic[_Found]):
    """What a function finds in what is published, found once after each run, by the thread that first asks.

    Until it has, others get what was published before; they wait only where nothing was.
    """

    def __init__(self, function: Callable[[Site], _Found]) -> None:
        self._function = function
        self._finding = threading.Lock()
        self._kept: _Kept[_Found] | None = None

    def __call__(self, site: Site) -> _Found:
        """Return what the function returns, or raise what it raises, which is not remembered."""
        published, before = site.status.last_published(), self._of(site)
        if before is not None and (before.published == published or self._finding.locked()):
            return before.found
        with self._finding:
            kept = self._of(site)
            if kept is None or kept.published != published:
                self._kept = kept = _Kept(site, published, self._function(site))
            return kept.found

    def _of(self, site: Site) -> _Kept[_Found] | None:
        return self._kept if self._kept is not None and self._kept.site is site else None

    def forget(self) -> None:
        """Let it be found anew."""
        self._kept = None


@lru_cache(maxsize=2)
def _load(file: Path, _changed: int) -> project.Project:
    return project.load(file)


async def site_of(request: Request) -> Site:  # FastAPI does not hand an async function to another thread
    """Return the site that a request is about."""
    site: Site = request.app.state.site
    return site


SiteOf = Annotated[Site, Depends(site_of)]
"""The parameter by which a route asks for its site."""

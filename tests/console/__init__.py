"""The console as people and programs meet it: a real server on loopback, a real browser, real runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import httpx2

if TYPE_CHECKING:
    from pathlib import Path

    from backstamp import console, runs

PEOPLE = 200
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Served:
    """A console that is served: where, and what stands behind it."""

    url: str
    file: Path
    site: console.Site

    def token(self, role: runs.Role, *scopes: str) -> str:
        """Return an API token of the user that has this role."""
        return self.site.users.make_token(name_of(role), "test", scopes, days=1)


def name_of(role: runs.Role) -> str:
    """Return what the user of the tests with this role is called."""
    return f"{role} Anna"


class Browser:
    """Somebody's session by HTTP alone: keeps cookies, and sends what a form of a page would."""

    def __init__(self, served: Served, role: runs.Role | None = None) -> None:
        self._client = httpx2.Client(base_url=served.url, timeout=300, trust_env=False)
        if role is not None:
            said = self.post("/login", name=name_of(role), password=PASSWORD)
            assert said.status_code == 303, said.text

    def get(self, path: str) -> httpx2.Response:
        """Ask for a page; where it leads elsewhere, that is not followed."""
        return self._client.get(path)

    def post(self, path: str, **fields: str) -> httpx2.Response:
        """Send a form, with what protects it taken from the page where one signs in or out."""
        csrf = self._client.get("/login").text.partition('name="csrf" value="')[2].partition('"')[0]
        page = self._client.get("/account")
        if page.status_code == 200:
            csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        return self._client.post(path, data={"csrf": csrf, **fields})

    def post_without_token(self, path: str, **fields: str) -> httpx2.Response:
        """Send a form as another site would."""
        return self._client.post(path, data=fields)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

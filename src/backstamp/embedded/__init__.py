"""A small Dataverse-compatible CRM on SQLite, served over HTTP.

To the rest of the house it is a CRM like any other, reached through `connect` and never called. From the top down:
`server` (HTTP, tokens), `routes` (paths) and `batch` with `multipart` (many requests in one); `rows`, `navigation`,
`associations`, `files`, `customization`, `choices`, `changes`, `edmx`, `functions`, `jobs` (what a path does); `query`,
`selected`, `tracking`, `records`, `alternate` (read, follow, write and address rows), `catalog` (definitions and DDL);
`options`, `filters`, `operators`, `fetch`, `sql`, `apply`, `requested`, `values` (what clients send, made into values:
queries into the conditions of `tree` and a `selection`); `conditions`, `paging`, `statements` (these made into SQL);
`projection`, `formats`, `definitions` (what the server says); `store`, `schema`, `bulk`
(statements about many rows), `database`.
"""

from __future__ import annotations

from backstamp.embedded.server import create_app, serve_forever, serving
from backstamp.embedded.store import ADMINISTRATOR, APPLICATION_USER, Settings

__all__ = ["ADMINISTRATOR", "APPLICATION_USER", "Settings", "create_app", "serve_forever", "serving"]

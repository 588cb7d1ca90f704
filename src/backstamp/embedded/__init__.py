"""A small Dataverse-compatible CRM on SQLite or PostgreSQL, served over HTTP or HTTPS.

To the rest of the house it is a CRM like any other, reached through `connect` and never called. From the top down:
`server` (HTTP), `identity` (tokens), `protection` and `mishaps` (who asks too much, what goes wrong by setting);
`routes` (paths) and `batch` with `multipart` (many requests in one); `rows`, `navigation`, `associations`, `files`,
`customization`, `choices`, `changes`, `edmx`, `jobs`, `merging` (what a path does); `applications` (who signs in),
`security` and `column_security` (who may do what); `query`, `selected`, `tracking`, `records`, `alternate` (read,
follow, write and address rows), `steps` (what writes would have set off), `messages` (which table takes which),
`catalog` (definitions and DDL); `options`, `filters`, `operators`, `fetch`, `sql`, `apply`, `requested`, `values`
(what clients send, made into values: queries into the conditions of `tree` and a `selection`); `conditions`, `paging`,
`statements` (these made into SQL); `projection`, `formats`, `definitions` (what the server says); `store`, `schema`,
`rights`, `bulk` (statements about many rows), `database`. `authority` makes the certificates.
"""

from __future__ import annotations

from backstamp.embedded import applications, authority
from backstamp.embedded.identity import TENANT
from backstamp.embedded.mishaps import Mishap
from backstamp.embedded.protection import Limits
from backstamp.embedded.server import create_app, serve_forever, serving
from backstamp.embedded.store import ADMINISTRATOR, APPLICATION_USER, Settings

__all__ = [
    "ADMINISTRATOR",
    "APPLICATION_USER",
    "TENANT",
    "Limits",
    "Mishap",
    "Settings",
    "applications",
    "authority",
    "create_app",
    "serve_forever",
    "serving",
]

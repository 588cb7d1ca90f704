"""A small Dataverse-compatible CRM on SQLite, served over HTTP or HTTPS.

To the rest of the house it is a CRM like any other, reached through `connect` and never called. From the top down:
`server` (HTTP), `identity` (tokens), `protection` and `mishaps` (who asks too much, what goes wrong by setting);
`routes` (paths); `rows` and `customization` (what a path does); `applications` (who signs in), `security` (who may do
what); `query`, `tracking`, `records` (read, follow and write rows), `steps` (what writes would have set off), `catalog`
(definitions and DDL); `options`, `filters`, `requested`, `values` (what clients send, made into values), `conditions`,
`projection`, `definitions` (what the server says); `store`, `schema`, `rights`, `database`. `authority` makes the
certificates.
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

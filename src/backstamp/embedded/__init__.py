"""A small Dataverse-compatible CRM on SQLite, served over HTTP.

To the rest of the house it is a CRM like any other, reached through `connect` and never called. From the top down:
`server` (HTTP, tokens) and `routes` (paths); `rows` and `customization` (what a path does), `messages` (which tables
take bulk messages); `query`, `tracking`, `records` (read, follow and write rows), `catalog` (definitions and DDL);
`options`, `filters`, `requested`, `values` (what clients send, made into values), `conditions`, `projection`,
`definitions` (what the server says); `store`, `schema`, `database`.
"""

from __future__ import annotations

from backstamp.embedded.server import create_app, serve_forever, serving
from backstamp.embedded.store import ADMINISTRATOR, APPLICATION_USER, Settings

__all__ = ["ADMINISTRATOR", "APPLICATION_USER", "Settings", "create_app", "serve_forever", "serving"]

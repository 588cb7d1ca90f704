"""Registered steps: what custom logic of a customer would have run on writes, counted instead of run.

A step is a row of `sdkmessageprocessingstep`. It fires for each row that its message writes; with filtering attributes
an update fires it only if the request has a value for one of them, changed or not. Headers keep steps from firing, for
who may send them (dataverse-webapi.md 1.4 and 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import faults, rights

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.rights import Rights
    from backstamp.embedded.store import Session

TABLE = "sdkmessageprocessingstep"
CREATE, UPDATE, DELETE = "create", "update", "delete"
_SYNCHRONOUS, _ASYNCHRONOUS = 0, 1
_MODES = {"CustomSync": _SYNCHRONOUS, "CustomAsync": _ASYNCHRONOUS}
_MOST_IDS = 3


@dataclass(frozen=True)
class Bypass:
    """Which steps a request keeps from firing: those of a mode, single ones, and flows."""

    modes: frozenset[int] = frozenset()
    ids: frozenset[str] = frozenset()
    flows: bool = False

    def holds(self, step: sa.Row[Any]) -> bool:
        """Tell whether this step is kept from firing."""
        if step.isflow:
            return self.flows
        return step.mode in self.modes or step.sdkmessageprocessingstepid in self.ids


def bypass(headers: Mapping[str, str], held: Rights) -> Bypass:
    """Read the headers, by lower-case name, that keep steps from firing.

    Raises:
        Fault: one is malformed, or the user may not send it.
    """
    words = _list(headers, odata.BYPASS_LOGIC)
    ids = _list(headers, odata.BYPASS_STEPS)
    plugins = _is_true(headers, odata.BYPASS_PLUGINS)
    if not _MODES.keys() >= set(words):
        raise faults.bad_request(f"'{odata.BYPASS_LOGIC}' takes CustomSync, CustomAsync, or both.")
    if len(ids) > _MOST_IDS or not all(odata.is_guid(one) for one in ids):
        raise faults.bad_request(f"'{odata.BYPASS_STEPS}' takes the ids of at most {_MOST_IDS} steps.")
    if words or ids:
        held.require_privilege(rights.BYPASS_LOGIC)
    if plugins:
        held.require_privilege(rights.BYPASS_PLUGINS)
    modes = frozenset(_MODES[word] for word in words) | ({_SYNCHRONOUS} if plugins else frozenset())
    return Bypass(modes, frozenset(one.lower() for one in ids), _is_true(headers, odata.SUPPRESS_FLOWS))


def _list(headers: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in headers.get(name.lower(), "").split(",") if part.strip()]


def _is_true(headers: Mapping[str, str], name: str) -> bool:
    value = headers.get(name.lower(), "false").lower()
    if value not in {"true", "false"}:
        raise faults.bad_request(f"'{name}' takes true or false.")
    return value == "true"


def fire(session: Session, message: str, table: Table, written: Sequence[Collection[str]]) -> None:
    """Count, for each step on this message of a table, one request and the rows that fire it.

    `written` holds, for each row, the columns that the request has a value for.
    """
    if not written:
        return
    steps = session.schema.sql[TABLE]
    for step in session.connection.execute(_registered(steps), {"table": table.name, "message": message}).all():
        rows = 0 if session.bypass.holds(step) else _firing(step, message, written)
        if rows:
            counts = {
                "firedrequests": _one_more(steps.c.firedrequests, 1),
                "firedrows": _one_more(steps.c.firedrows, rows),
            }
            same = steps.c.sdkmessageprocessingstepid == step.sdkmessageprocessingstepid
            session.connection.execute(sa.update(steps).where(same).values(counts))


@lru_cache(maxsize=8)
def _registered(steps: sa.Table) -> sa.Select[Any]:
    """Return the statement that goes with every write: to put it together takes longer than to execute it."""
    table, message = sa.func.lower(steps.c.primaryobjecttypecode), sa.func.lower(steps.c.messagename)
    return sa.select(steps).where(table == sa.bindparam("table"), message == sa.bindparam("message"))


def _firing(step: sa.Row[Any], message: str, written: Sequence[Collection[str]]) -> int:
    names = (step.filteringattributes or "").lower().split(",") if message == UPDATE else []
    filtering = {name.strip() for name in names} - {""}
    return sum(1 for columns in written if not filtering or not filtering.isdisjoint(columns))


def _one_more(column: sa.Column[int], amount: int) -> sa.ColumnElement[int]:
    return sa.func.coalesce(column, 0) + amount

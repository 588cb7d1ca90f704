"""Registered steps: what custom logic of a customer would have run on writes, counted instead of run.

A plug-in's step is a row of `sdkmessageprocessingstep`, a classic workflow one of `workflow`, and what sets a cloud
flow off one of `callbackregistration`. It fires for each row that its message writes; with filtering attributes an
update fires it only if the request has a value for one of them, changed or not. Headers keep steps from firing, for who
may send them (dataverse-webapi.md 1.4 and 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import faults, rights
from backstamp.embedded.messages import CREATE, DELETE, FILTERS, MESSAGES, STEPS, UPDATE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.rights import Rights
    from backstamp.embedded.schema import Schema
    from backstamp.embedded.store import Session

_WORKFLOWS, _FLOWS = "workflow", "callbackregistration"
_CHANGES = {CREATE: (1, 4, 5, 7), DELETE: (2, 5, 6, 7), UPDATE: (3, 4, 6, 7)}
"""What the message of a callback registration can be for it to be about creation, deletion, or an update."""
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
        if step.kind == _FLOWS:
            return self.flows
        return step.mode in self.modes or step.key in self.ids


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
    registered = _registered(session.schema, message)
    for step in session.connection.execute(registered, {"table": table.name}).all():
        rows = 0 if session.bypass.holds(step) else _firing(step, message, written)
        if rows:
            steps = session.schema.sql[step.kind]
            counts = {
                "firedrequests": _one_more(steps.c.firedrequests, 1),
                "firedrows": _one_more(steps.c.firedrows, rows),
            }
            same = steps.c[session.schema.tables[step.kind].key] == step.key
            session.connection.execute(sa.update(steps).where(same).values(counts))


@lru_cache(maxsize=24)
def _registered(schema: Schema, message: str) -> sa.CompoundSelect[Any]:
    """Return the statement that goes with every write: to put it together takes longer than to execute it."""
    return sa.union_all(*(select(schema.sql, message) for select in (_plugins, _workflows, _flows)))


def _plugins(sql: Mapping[str, sa.Table], message: str) -> sa.Select[Any]:
    """Select the steps of a message, or of its bulk form; one without a filter is for all tables."""
    steps, filters, messages = sql[STEPS], sql[FILTERS].c, sql[MESSAGES].c
    return (
        _selected(STEPS, steps.c.sdkmessageprocessingstepid, steps.c.mode, steps.c.filteringattributes)
        .join_from(steps, sql[MESSAGES], messages.sdkmessageid == steps.c.sdkmessageid)
        .outerjoin(sql[FILTERS], filters.sdkmessagefilterid == steps.c.sdkmessagefilterid)
        .where(
            steps.c.statecode == 0,
            messages.name.in_((message, f"{message}Multiple")),
            sa.or_(filters.primaryobjecttypecode == sa.bindparam("table"), steps.c.sdkmessagefilterid.is_(None)),
        )
    )


def _workflows(sql: Mapping[str, sa.Table], message: str) -> sa.Select[Any]:
    """Select the classic workflows that are activated; those in real time are synchronous."""
    workflows = sql[_WORKFLOWS].c
    triggers = {
        CREATE: workflows.triggeroncreate,
        DELETE: workflows.triggerondelete,
        UPDATE: workflows.triggeronupdateattributelist.is_not(None),
    }
    listed = workflows.triggeronupdateattributelist
    return _selected(_WORKFLOWS, workflows.workflowid, 1 - workflows.mode, listed).where(
        workflows.category == 0,
        workflows.type == 1,
        workflows.statecode == 1,
        workflows.primaryentity == sa.bindparam("table"),
        triggers[message],
    )


def _flows(sql: Mapping[str, sa.Table], message: str) -> sa.Select[Any]:
    flows = sql[_FLOWS].c
    return _selected(_FLOWS, flows.callbackregistrationid, sa.literal(_ASYNCHRONOUS), flows.filteringattributes).where(
        flows.softdeletestatus == 0, flows.entityname == sa.bindparam("table"), flows.message.in_(_CHANGES[message])
    )


def _selected(kind: str, key: Any, mode: Any, listed: Any) -> sa.Select[Any]:  # noqa: ANN401 - columns
    columns = (key.label("key"), mode.label("mode"), listed.label("filteringattributes"))
    return sa.select(sa.literal(kind).label("kind"), *columns)


def _firing(step: sa.Row[Any], message: str, written: Sequence[Collection[str]]) -> int:
    names = (step.filteringattributes or "").lower().split(",") if message == UPDATE else []
    filtering = {name.strip() for name in names} - {""}
    return sum(1 for columns in written if not filtering or not filtering.isdisjoint(columns))


def _one_more(column: sa.Column[int], amount: int) -> sa.ColumnElement[int]:
    return sa.func.coalesce(column, 0) + amount

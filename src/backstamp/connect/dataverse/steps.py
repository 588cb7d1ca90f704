"""What else an organization runs when a column of a table is written, found out by asking where it is registered.

Plug-ins are registered in `sdkmessageprocessingstep`, classic workflows in `workflow`; what sets a cloud flow off is in
`callbackregistration` (Microsoft's page "Bypass Power Automate flows"). A step on a bulk message runs on single writes
too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backstamp import errors, odata
from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backstamp.connect.dataverse import metadata, session

_ASYNCHRONOUS = "asynchronous"
_PLUGIN_MODES = {0: "synchronous", 1: _ASYNCHRONOUS}
_WORKFLOW_MODES = {0: _ASYNCHRONOUS, 1: "synchronous"}


@dataclass(frozen=True)
class _Registry:
    """Where steps of a kind are registered.

    Attributes:
        kind: as `ports.Step` says it.
        table: its name.
        listed: the column with the names of the columns that a step is for.
        modes: what its column `mode` means; empty where it has none and all steps are asynchronous.
        condition: for steps that are on, and for updates of the table `@t`.
        header: of a request that keeps its steps from running.
    """

    kind: str
    table: str
    listed: str
    modes: Mapping[int, str]
    condition: str
    header: str


_REGISTRIES = (
    _Registry(
        "plug-in",
        "sdkmessageprocessingstep",
        "filteringattributes",
        _PLUGIN_MODES,
        # Stage 30 is the write itself; a step without a filter is for every table.
        "statecode eq 0 and stage ne 30 and (sdkmessageid/name eq 'Update' or sdkmessageid/name eq 'UpdateMultiple')"
        " and (_sdkmessagefilterid_value eq null or sdkmessagefilterid/primaryobjecttypecode eq @t)",
        odata.BYPASS_LOGIC,
    ),
    _Registry(
        "workflow",
        "workflow",
        "triggeronupdateattributelist",
        _WORKFLOW_MODES,
        "category eq 0 and type eq 1 and statecode eq 1 and primaryentity eq @t"
        " and triggeronupdateattributelist ne null",
        odata.BYPASS_LOGIC,
    ),
    _Registry(
        "flow",
        "callbackregistration",
        "filteringattributes",
        {},
        # Modified, or one of the combinations with it.
        "softdeletestatus eq 0 and entityname eq @t and (message eq 3 or message eq 4 or message eq 6 or message eq 7)",
        odata.SUPPRESS_FLOWS,
    ),
)


def running(
    requests: session.Session, whole: Callable[[str], metadata.Table | None], table: str, column: str
) -> ports.Steps:
    """Return what runs when a column of a table is written; `whole` gives a table if we see all rows of it."""
    found: list[ports.Step] = []
    untold: list[str] = []
    for registry in _REGISTRIES:
        rows = _registered(requests, whole(registry.table), registry, table)
        if rows is None:
            untold.append(registry.kind)
        else:
            kept = registry.header in requests.quiet
            found += [_step(row, registry, kept_from_running=kept) for row in rows if _is_for(row, registry, column)]
    return ports.Steps(tuple(found), tuple(untold))


def _registered(
    requests: session.Session, known: metadata.Table | None, registry: _Registry, table: str
) -> list[dict[str, Any]] | None:
    """Return the rows that are for updates of a table, None where we may not read them."""
    if known is None:
        return None
    columns = ["name", registry.listed, *(["mode"] if registry.modes else [])]
    parameters = {"$select": ",".join(columns), "$filter": registry.condition, "@t": odata.literal(table)}
    try:
        answer = requests.get(known.entity_set, f"say what runs on writes of {table}", parameters=parameters)
    except (errors.RefusedError, errors.UnauthorizedError):
        return None
    rows: list[dict[str, Any]] = answer.json()["value"]
    return rows


def _is_for(row: Mapping[str, Any], registry: _Registry, column: str) -> bool:
    listed = {name.strip().lower() for name in (row[registry.listed] or "").split(",")} - {""}
    return not listed or column in listed


def _step(row: Mapping[str, Any], registry: _Registry, *, kept_from_running: bool) -> ports.Step:
    mode = registry.modes[row["mode"]] if registry.modes else _ASYNCHRONOUS
    return ports.Step(row["name"] or "", registry.kind, mode, kept_from_running=kept_from_running)

"""`Merge`: of two rows of a table one goes on; the other stays, inactive, and says which one is in its place.

The action takes what the service's reference names (Web API reference, "Merge Action"): the rows that pointed to the
other one point to the one that goes on, which takes over the values of `UpdateContent` and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import faults, records
from backstamp.embedded.request import Response
from backstamp.embedded.rights import MERGE_ROWS, Right

if TYPE_CHECKING:
    from backstamp.embedded.metadata import Table
    from backstamp.embedded.request import Request, Segment
    from backstamp.embedded.store import Session

_ENDED = {
    "account": {"statecode": 1, "statuscode": 2},
    "contact": {"statecode": 1, "statuscode": 2},
    "lead": {"statecode": 2, "statuscode": 7},
}
"""The tables whose rows can be merged, and the state of a row that was."""
_PARENTS = {"account": ("parentaccountid",), "contact": ("parentcustomerid",), "lead": ("parentcontactid",)}


def merge(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `POST Merge`.

    Raises:
        Fault: a parameter is missing or wrong, a row is not there or was merged before, the parents differ where that
            is to be checked, or a right is missing.
    """
    session.rights.require_privilege(MERGE_ROWS)
    body = request.json_object()
    table, target = _row(session, body, "Target")
    other, subordinate = _row(session, body, "Subordinate")
    checks = body.get("PerformParentingChecks")
    if not isinstance(checks, bool):
        raise faults.bad_request("The parameter 'PerformParentingChecks' must be true or false.")
    if (table, target) == (other, subordinate) or table is not other:
        raise faults.bad_request("'Target' and 'Subordinate' must be two rows of one table.")
    _refuse_unfit(session, table, target, subordinate, checks=checks)
    content = body.get("UpdateContent")
    if content is not None:
        if _type(content) != odata.type_name(table.name):
            raise faults.bad_request(f"'UpdateContent' must have the @odata.type '{odata.type_name(table.name)}'.")
        records.update(session, table, [{**content, table.key: target}])
    records.repoint(session, table, subordinate, target)
    records.write(session, table, {table.key: subordinate, **_ENDED[table.name], "merged": True, "masterid": target})
    return Response(204)


def _type(given: object) -> str:
    return str(given.get(odata.TYPE, "")).removeprefix("#") if isinstance(given, dict) else ""


def _row(session: Session, body: dict[str, Any], parameter: str) -> tuple[Table, str]:
    """Return the table and the key of a row that a parameter names."""
    given = body.get(parameter)
    name = next((name for name in _ENDED if _type(given) == odata.type_name(name)), None)
    if name is None or not isinstance(given, dict):
        kinds = ", ".join(_ENDED)
        raise faults.bad_request(f"'{parameter}' must be a row with the @odata.type of one of these tables: {kinds}.")
    table = session.schema.tables[name]
    session.rights.require(Right.WRITE, table)
    if "masterid" not in table.by_name:
        raise faults.bad_request("This CRM was made by an earlier version, which did not merge rows.")
    key = str(given.get(table.key, ""))
    if not odata.is_guid(key):
        raise faults.bad_request(f"'{parameter}' has no value for the key '{table.key}'.")
    return table, key.lower()


def _refuse_unfit(session: Session, table: Table, target: str, subordinate: str, *, checks: bool) -> None:
    columns = session.schema.sql[table.name].c
    wanted = [columns[name] for name in (table.key, "merged", *_PARENTS[table.name])]
    rows = session.connection.execute(sa.select(*wanted).where(columns[table.key].in_([target, subordinate])))
    found = {row[0]: row[1:] for row in rows}
    for key in (target, subordinate):
        if key not in found:
            raise faults.no_row(table.name, key)
    if any(was_merged for was_merged, *_ in found.values()):
        raise faults.bad_request("A row that was merged before cannot be merged again.")
    if checks and found[target] != found[subordinate]:
        raise faults.bad_request("The rows have different parents, so that they cannot be merged.")

"""`BulkDelete`: deletes the rows that queries find, as a job whose outcome is a row of `asyncoperation`.

The job is done before the answer goes out. As in Dataverse it takes what it can: a row that cannot be deleted stays,
and does not keep the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import conditions, faults, records, tree
from backstamp.embedded.conditions import Scope
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.request import Request, Segment
    from backstamp.embedded.store import Session

JOBS = "asyncoperation"
_BULK_DELETE = 13
_SUCCEEDED = 30
_FAILED = 31
_CHUNK = 500
"""Values in one condition."""
_COMPARISONS = {
    "Equal": "eq",
    "NotEqual": "ne",
    "GreaterThan": "gt",
    "GreaterEqual": "ge",
    "LessThan": "lt",
    "LessEqual": "le",
}
_PRESENCE = {"Null": "eq", "NotNull": "ne"}


def bulk_delete(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `POST BulkDelete`.

    Raises:
        Fault: a query is malformed or names what does not exist; nothing is deleted then.
    """
    body = request.json_object()
    queries = body.get("QuerySet")
    if not isinstance(queries, list) or not queries:
        raise faults.bad_request("'QuerySet' must be a list with at least one query.")
    found = [_found(session, query) for query in queries]
    failures = sum(_delete(session, table, keys) for table, keys in found)
    job = {
        "name": str(body.get("JobName") or odata.BULK_DELETE)[:256],
        "operationtype": _BULK_DELETE,
        "primaryentitytype": found[0][0].name,
        "startedon": session.now,
        "completedon": session.now,
        "statuscode": _FAILED if failures else _SUCCEEDED,
        "friendlymessage": f"{sum(len(keys) for _, keys in found) - failures} rows deleted, {failures} not.",
    }
    identity = records.note(session, session.schema.tables[JOBS], job)
    context = f"{request.root}$metadata#{odata.type_name('BulkDeleteResponse')}"
    return Response.json({odata.CONTEXT: context, "JobId": identity})


def _found(session: Session, query: object) -> tuple[Table, list[str]]:
    name = query.get("EntityName") if isinstance(query, dict) else None
    if not isinstance(query, dict) or not isinstance(name, str) or name not in session.schema.tables:
        raise faults.bad_request("Each query of the 'QuerySet' needs the EntityName of a table.")
    table = session.schema.tables[name]
    criteria = query.get("Criteria") or {}
    scope = Scope(session, conditions.main_place(session, name))
    wheres = [conditions.condition(scope, node) for node in _nodes(criteria)]
    together = sa.or_ if criteria.get("FilterOperator") == "Or" else sa.and_
    statement = sa.select(scope.main.sql.c[table.key])
    return table, list(session.connection.scalars(statement.where(together(*wheres)) if wheres else statement))


def _nodes(criteria: object) -> list[tree.Node]:
    listed = criteria.get("Conditions") or [] if isinstance(criteria, dict) else None
    if not isinstance(listed, list) or (isinstance(criteria, dict) and criteria.get("Filters")):
        raise faults.bad_request("The Criteria must have a list of Conditions, and no Filters below them.")
    return [_node(each) for each in listed]


def _node(condition: object) -> tree.Node:
    match condition:
        case {"AttributeName": str(name), "Operator": ("In" | "NotIn") as operator, "Values": [*values]}:
            return _among(tree.Path((name,)), [_text(value) for value in values], negated=operator == "NotIn")
        case {"AttributeName": str(name), "Operator": str(operator), "Values": [value]} if operator in _COMPARISONS:
            return tree.Comparison(_COMPARISONS[operator], tree.Path((name,)), tree.Value(_text(value)))
        case {"AttributeName": str(name), "Operator": str(operator)} if operator in _PRESENCE:
            return tree.Comparison(_PRESENCE[operator], tree.Path((name,)), tree.Value(None))
    raise faults.bad_request("A condition needs AttributeName, a known Operator, and Values.")


def _among(path: tree.Path, values: Sequence[str], *, negated: bool) -> tree.Node:
    chunks = [values[start : start + _CHUNK] for start in range(0, len(values) or 1, _CHUNK)]
    nodes = tuple(tree.Among(path, tuple(chunk), negated=negated) for chunk in chunks)
    return tree.Junction("and" if negated else "or", nodes)


def _text(value: Mapping[str, Any] | object) -> str:
    return str(value.get("Value") if isinstance(value, dict) else value)


def _delete(session: Session, table: Table, keys: Sequence[str]) -> int:
    """Delete rows together, or where that is refused one by one; return how many could not be."""
    if not keys or _deleted(session, table, keys):
        return 0
    return sum(not _deleted(session, table, [key]) for key in keys)


def _deleted(session: Session, table: Table, keys: Sequence[str]) -> bool:
    """Delete all of these rows, or none; those that went with another row count as deleted."""
    try:
        with session.connection.begin_nested():
            records.delete(session, table, records.existing(session, table, keys))
    except faults.Fault:
        return False
    return True

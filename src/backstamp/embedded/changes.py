"""`RetrieveMetadataChanges`: definitions by a query that is itself JSON, cut down to what it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from backstamp import odata
from backstamp.embedded import definitions, faults, options
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from backstamp.embedded.request import Request, Segment
    from backstamp.embedded.store import Session

    Item = dict[str, Any]

_QUERIES = {
    "Attributes": "AttributeQuery",
    "Keys": "KeyQuery",
    "OneToManyRelationships": "RelationshipQuery",
    "ManyToOneRelationships": "RelationshipQuery",
    "ManyToManyRelationships": "RelationshipQuery",
}
_ALWAYS = ("MetadataId", "LogicalName", odata.TYPE)
_MOST_CONDITIONS = 500


def answer(session: Session, request: Request, segment: Segment) -> Response:
    """Answer `RetrieveMetadataChanges(Query=@p1)`; with the stamp of an earlier answer only what changed since.

    Raises:
        Fault: the query is malformed, or definitions changed since the stamp: then all has to be read again.
    """
    given = dict(options.pairs(request.query))
    arguments = {name: given.get(text, text) for name, text in segment.values}
    query = _object(arguments.get("Query", "{}"))
    stamp = str(session.schema.version)
    known = arguments.get("ClientVersionStamp", "null").strip("'\"")
    if known not in {"null", stamp}:
        message = "Version stamp associated with the client has expired. Please perform a full sync."
        raise faults.Fault(400, odata.DELTA_EXPIRED, message)
    tables = [] if known == stamp else session.schema.tables.values()
    items = (definitions.table_item(session.schema, table) for table in tables)
    context = f"{request.root}$metadata#{odata.type_name('RetrieveMetadataChangesResponse')}"
    found = [_shaped(item, query) for item in items if _fits(item, _part(query, "Criteria"))]
    return Response.json({odata.CONTEXT: context, "ServerVersionStamp": stamp, "EntityMetadata": found})


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise faults.bad_request("The Query is not valid JSON.") from error
    if not isinstance(found, dict):
        raise faults.bad_request("The Query must be an object.")
    return found


def _part(query: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = query.get(name) or {}
    if not isinstance(part, dict):
        raise faults.bad_request(f"{name} must be an object.")
    return part


def _list(query: Mapping[str, Any], name: str) -> list[Any]:
    found = query.get(name) or []
    if not isinstance(found, list) or len(found) > _MOST_CONDITIONS:
        raise faults.bad_request(f"{name} must be a list.")
    return found


def _shaped(item: Item, query: Mapping[str, Any]) -> Item:
    """Return a definition with the properties that the query names; each of its lists by a query of its own."""
    kept = _properties(item, _part(query, "Properties"))
    for name, inner in _QUERIES.items():
        if name in kept:
            wanted = _part(query, inner)
            parts = (part for part in kept[name] if _fits(part, _part(wanted, "Criteria")))
            kept[name] = [_properties(part, _part(wanted, "Properties")) for part in parts]
    return {**kept, "HasChanged": None}


def _properties(item: Item, wanted: Mapping[str, Any]) -> Item:
    names = _list(wanted, "PropertyNames")
    if wanted.get("AllProperties") or not names:
        return dict(item)
    return {name: value for name, value in item.items() if name in _ALWAYS or name in names}


def _fits(item: Item, criteria: Mapping[str, Any]) -> bool:
    """Tell whether a definition fits the conditions and the filters below them, all or any of them."""
    together = any if criteria.get("FilterOperator") == "Or" else all
    results = list(_results(item, criteria))
    return together(results) if results else True


def _results(item: Item, criteria: Mapping[str, Any]) -> Iterator[bool]:
    for condition in _list(criteria, "Conditions"):
        yield _holds(item, condition)
    for inner in _list(criteria, "Filters"):
        yield _fits(item, _part({"Filters": inner}, "Filters"))


def _holds(item: Item, condition: object) -> bool:
    match condition:
        case {"PropertyName": str(name), "ConditionOperator": str(operator), "Value": value} if operator in _OPERATORS:
            return _OPERATORS[operator](_plain(item.get(name)), _plain(value))
    raise faults.bad_request("A condition needs PropertyName, a known ConditionOperator, and Value.")


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a value as it compares: out of its wrapping, text without regard to case."""
    while isinstance(value, dict) and "Value" in value:
        value = value["Value"]
    return [_plain(each) for each in value] if isinstance(value, list) else str(value).lower()


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda found, wanted: found == wanted,
    "NotEquals": lambda found, wanted: found != wanted,
    "In": lambda found, wanted: found in wanted,
    "NotIn": lambda found, wanted: found not in wanted,
}

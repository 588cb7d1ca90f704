"""The routes of choices: global ones, and the actions that add, rename and remove an option of any choice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from backstamp import odata
from backstamp.embedded import catalog, customization, definitions, faults, requested
from backstamp.embedded.metadata import Column, ColumnType, Option
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from backstamp.embedded.metadata import Choice, Table
    from backstamp.embedded.request import Request, Segment
    from backstamp.embedded.store import Session

    Options: TypeAlias = tuple[Option, ...]

_FIRST_VALUE = 100_000_000
"""The value of a new option that brings none; the service begins at the number of the publisher's prefix."""


def answer(session: Session, request: Request, segment: Segment) -> Response:
    """Answer what begins with `GlobalOptionSetDefinitions`.

    Raises:
        Fault: the path leads nowhere or the body is wrong.
    """
    match request.method, segment.key:
        case "GET", None:
            items = map(definitions.choice_item, session.schema.choices.values())
            return customization.listed(request, items, odata.CHOICE_DEFINITIONS)
        case "GET", _:
            return customization.one(request, definitions.choice_item(_named(session, str(segment.key))))
        case "POST", None:
            identity = catalog.add_choice(session.connection, requested.choice(request.json_object()))
            return Response.created(f"{request.root}{odata.CHOICE_DEFINITIONS}({identity})")
        case "PUT", _:
            changed = requested.changed_choice(_named(session, str(segment.key)), request.json_object())
            catalog.replace_choice(session.connection, changed)
            return Response()
        case "DELETE", _:
            catalog.drop_choice(session.connection, _named(session, str(segment.key)))
            return Response()
    raise faults.unknown_path(odata.CHOICE_DEFINITIONS)


def insert_option(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `POST InsertOptionValue`: the new option comes last.

    Raises:
        Fault: the choice does not exist, or has the value already.
    """
    body = request.json_object()
    options = _options(session, body)
    values = [option.value for option in options]
    wanted = requested.option(body, max([*values, _FIRST_VALUE - 1]) + 1)
    if wanted.value in values:
        raise faults.already_exists(f"An option with the value {wanted.value}")
    _write(session, body, (*options, wanted))
    context = f"{request.root}$metadata#{odata.type_name('InsertOptionValueResponse')}"
    return Response.json({odata.CONTEXT: context, "NewOptionValue": wanted.value})


def update_option(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `POST UpdateOptionValue`: the option gets another label.

    Raises:
        Fault: the choice or its option does not exist.
    """
    body = request.json_object()
    old = _option(session, body)
    new = replace(old, label=requested.option(body, old.value).label or old.label)
    _write(session, body, tuple(new if each == old else each for each in _options(session, body)))
    return Response()


def delete_option(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `POST DeleteOptionValue`; rows that have the value keep it.

    Raises:
        Fault: the choice or its option does not exist.
    """
    body = request.json_object()
    old = _option(session, body)
    _write(session, body, tuple(each for each in _options(session, body) if each != old))
    return Response()


def _options(session: Session, body: dict[str, Any]) -> Options:
    return _owner(session, body).options


def _option(session: Session, body: dict[str, Any]) -> Option:
    for option in _options(session, body):
        if option.value == body.get("Value"):
            return option
    raise faults.no_definition(f"an option with the value {body.get('Value')}")


def _owner(session: Session, body: dict[str, Any]) -> Column | Choice:
    """Return the column or the global choice whose options a body is about; a column may have a global one."""
    if body.get("OptionSetName"):
        return _named(session, str(body["OptionSetName"]).lower())
    column = _table(session, body).by_name.get(str(body.get("AttributeLogicalName")).lower())
    if column is None or column.type is not ColumnType.PICKLIST:
        raise faults.no_definition(f"a choice with the specified key '{body.get('AttributeLogicalName')}'")
    return _named(session, column.choice) if column.choice else column


def _table(session: Session, body: dict[str, Any]) -> Table:
    name = str(body.get("EntityLogicalName")).lower()
    if name not in session.schema.tables:
        raise faults.no_definition(f"an entity with the specified key '{name}'")
    return session.schema.tables[name]


def _named(session: Session, key: str) -> Choice:
    for choice in session.schema.choices.values():
        if key in {choice.id, choice.name}:
            return choice
    raise faults.no_definition(f"an option set with the specified key '{key}'")


def _write(session: Session, body: dict[str, Any], options: Options) -> None:
    owner = _owner(session, body)
    if isinstance(owner, Column):
        catalog.replace_column(session.connection, _table(session, body), replace(owner, options=options))
    else:
        catalog.replace_choice(session.connection, replace(owner, options=options))

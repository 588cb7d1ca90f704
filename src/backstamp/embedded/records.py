"""Writes rows: create, update, upsert and delete, always many at once and all or nothing.

Each function works on a whole list with a handful of statements. Every row that is touched, by a client or by the
server itself, gets a version of its own, a time and an author.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import alternate, bulk, column_security, faults, messages, steps, tracking, values
from backstamp.embedded.metadata import ColumnType, OnDelete, type_column
from backstamp.embedded.request import reference
from backstamp.embedded.rights import OVERRIDE_CREATED_ON, ColumnRight, Right

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from backstamp.embedded.metadata import Relationship, Table
    from backstamp.embedded.store import Session
    from backstamp.embedded.values import Row

    Bodies: TypeAlias = Sequence[object] | values.Parsed

_CHUNK = 5000
"""Ids in one IN list; SQLite takes at most 32 766 parameters."""
_FULL_NAME = frozenset({"firstname", "lastname", "fullname"})


def create(session: Session, table: Table, bodies: Bodies) -> list[str]:
    """Create rows and return their ids, in order; a body may give its own key.

    Raises:
        Fault: a body is wrong, a row that it refers to is missing, its key is taken, or a right is missing.
    """
    return _insert_as_asked(session, table, _parsed(session, table, bodies))


def update(session: Session, table: Table, bodies: Bodies) -> None:
    """Update existing rows; each body has its key and what changes. Of several bodies for one row the first counts.

    Raises:
        Fault: a body is wrong, a row is missing (its id is in the message), or a right is; nothing is written then.
    """
    rows: dict[str, Row] = {}
    for row in _parsed(session, table, bodies):
        rows.setdefault(_key_of(row, table), row)
    if _update_as_asked(session, table, list(rows.values())) < len(rows):
        _refuse_missing(session, table, rows)


def _parsed(session: Session, table: Table, bodies: Bodies) -> Sequence[Row]:
    if isinstance(bodies, values.Parsed) and bodies.schema is session.schema:
        rows = bodies.rows
    else:
        rows = [values.parse(session.schema, table, body) for body in bodies]
    alternate.resolve(session, rows)
    return rows


def upsert(session: Session, table: Table, bodies: Bodies) -> dict[str, bool]:
    """Update the rows that exist and create the others with the keys that they bring.

    A body names its row by its key, or by `@odata.id`, also with the values of an alternate key.

    Returns:
        The ids in order, each with whether its row was created.

    Raises:
        Fault: a body is wrong, has no key, two are for one row, or a right is missing.
    """
    rows: dict[str, Row] = {}
    for row in _with_referenced_keys(session, table, _parsed(session, table, bodies), bodies):
        if rows.setdefault(_key_of(row, table), row) is not row:
            raise faults.bad_request(f"Two targets have the same key {row[table.key]}.")
    present = existing(session, table, rows)
    _update_as_asked(session, table, [row for key, row in rows.items() if key in present])
    new = [row for key, row in rows.items() if key not in present]
    _insert_as_asked(session, table, new)
    return {key: key not in present for key in rows}


def _key_of(row: Row, table: Table) -> str:
    key = row.get(table.key)
    if key is None:
        raise faults.bad_request(f"A target has no value for the key '{table.key}'.")
    return str(key)


def _with_referenced_keys(session: Session, table: Table, rows: Sequence[Row], bodies: Bodies) -> Iterator[Row]:
    """Give the rows with their ids; those that `@odata.id` names by values and that are not there yet get new ones."""
    named: dict[int, Row] = {}
    identified = list(rows)
    for place, (row, body) in enumerate(zip(rows, bodies, strict=True)):
        address = body.get(odata.ROW_ID) if isinstance(body, dict) else None
        if address is None or table.key in row:
            continue
        segment = reference(str(address))
        if alternate.names_values(table, segment):
            named[place] = alternate.given(table, segment)
        elif odata.is_guid(segment.key or ""):
            identified[place] = {**row, table.key: str(segment.key).lower()}
        else:
            raise faults.bad_request(f"'{address}' does not name a row of '{table.entity_set}'.")
    for place, key in zip(named, alternate.find_all(session, table, list(named.values())), strict=True):
        identified[place] = _keyed(table, rows[place], named[place], key)
    yield from identified


def _keyed(table: Table, row: Row, given: Row, key: str | None) -> Row:
    """A row that exists keeps the values of its key; a new one has those of its body before those of its address."""
    if key is None:
        return {**given, **row, table.key: new_id()}
    return {**{name: value for name, value in row.items() if name not in given}, table.key: key}


def existing(session: Session, table: Table, keys: Iterable[str]) -> set[str]:
    """Return which of these keys the table has."""
    key = session.schema.sql[table.name].c[table.key]
    return bulk.present(session.connection, key, list(keys))


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a list of ids into lists that a statement can hold."""
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))


def _refuse_missing(session: Session, table: Table, keys: Iterable[str]) -> None:
    wanted = list(keys)
    missing = bulk.absent(session.connection, session.schema.sql[table.name].c[table.key], wanted)
    if missing:
        raise faults.no_row(table.name, next(key for key in wanted if key in missing))


def note(session: Session, table: Table, body: object) -> str:
    """Create a row by the server's own will, whatever the client may do; return its id."""
    [key] = _insert(session, table, _parsed(session, table, [body]))
    return key


def _insert_as_asked(session: Session, table: Table, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    session.rights.require(Right.CREATE, table)
    session.rights.require_columns(ColumnRight.CREATE, table, rows)
    column_security.require_secured(session, table, rows)
    if any(row.get("overriddencreatedon") for row in rows):
        session.rights.require_privilege(OVERRIDE_CREATED_ON)
    steps.fire(session, messages.CREATE, table, rows)
    return _insert(session, table, rows)


def _insert(session: Session, table: Table, rows: Sequence[Row]) -> list[str]:
    defaults = _defaults(session, table)
    made = [
        {**defaults, table.key: new_id(), **_settled(row, table), "versionnumber": version}
        for version, row in enumerate(rows, start=session.reserve(len(rows)))
    ]
    for row in made:
        row["createdon"] = row.get("overriddencreatedon") or session.now
    _refuse_unknown_targets(session, table, made)
    try:
        for group in _by_columns(made):
            bulk.insert(session.connection, session.schema.sql[table.name], group)
    except sa.exc.IntegrityError as error:
        raise alternate.violation(table, error) from error
    _compose_names(session, table, made)
    return [row[table.key] for row in made]


def new_id() -> str:
    """Return a new GUID that sorts after the ones made in earlier milliseconds, so that inserts stay together."""
    moment = f"{time.time_ns() // 1_000_000:012x}"
    chance = secrets.token_hex(9)
    return f"{moment[:8]}-{moment[8:]}-7{chance[:3]}-a{chance[3:6]}-{chance[6:]}"


def _defaults(session: Session, table: Table) -> Row:
    row: Row = {column.name: column.default for column in table.columns if column.default is not None}
    if table.user_owned:
        row |= {"ownerid": session.user, "owninguser": session.user}
    return row | {"createdby": session.user, "createdonbehalfby": session.actor} | session.authorship


def _settled(row: Row, table: Table) -> Row:
    """Complete what belongs together: the owner and its kind, the state and its reason."""
    if "ownerid" in row:
        row["owninguser"] = row["ownerid"]
    if "statecode" in row or "statuscode" in row:
        reasons = table.by_name["statuscode"].options
        state, value = row.get("statecode"), row.get("statuscode")
        fitting = (each for each in reasons if state in {None, each.state} and value in {None, each.value})
        reason = next(fitting, None)
        if reason is None:
            raise faults.bad_request(f"{value} is not a valid status code for state code {state} of '{table.name}'.")
        row |= {"statecode": reason.state, "statuscode": reason.value}
    return row


def _by_columns(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Put rows that have the same columns together: one statement can write them."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row)].append(row)
    return groups.values()


def _compose_names(session: Session, table: Table, rows: Iterable[Row]) -> None:
    """Compose the full names of people whose first or last name was written, and whose full name was not."""
    if not table.by_name.keys() >= _FULL_NAME:
        return
    keys = [row[table.key] for row in rows if "fullname" not in row and not _FULL_NAME.isdisjoint(row)]
    people = session.schema.sql[table.name]
    both = sa.func.coalesce(people.c.firstname, "") + " " + sa.func.coalesce(people.c.lastname, "")
    statement = sa.update(people).values(fullname=sa.func.nullif(sa.func.trim(both), ""))
    for chunk in chunks(keys):
        session.connection.execute(statement.where(people.c[table.key].in_(chunk)))


def _refuse_unknown_targets(session: Session, table: Table, rows: Iterable[Row]) -> None:
    """Refuse lookups to rows that do not exist, or that may not be linked; rows of one request may link each other."""
    given = {name for row in rows for name in row}
    lookups = [column for column in table.columns if column.is_lookup and column.writable and column.name in given]
    wanted: dict[str, set[str]] = defaultdict(set)
    linked: set[str] = set()
    made = {row[table.key] for row in rows}
    for row in rows:
        for column in lookups:
            target = row.get(column.name)
            if target is not None:
                kind = row[type_column(column.name)] if column.is_polymorphic else column.targets[0]
                wanted[kind].add(target)
                if column.type is not ColumnType.OWNER:
                    linked.add(kind)
    if linked:
        session.rights.require(Right.APPEND, table)
    for kind in linked:
        session.rights.require(Right.APPEND_TO, session.schema.tables[kind])
    for kind, keys in wanted.items():
        _refuse_missing(session, session.schema.tables[kind], keys - made if kind == table.name else keys)


def write(session: Session, table: Table, row: Row) -> None:
    """Write values of the database to a row that is known to exist."""
    _update_as_asked(session, table, [row])


def _update_as_asked(session: Session, table: Table, rows: Sequence[Row]) -> int:
    """Update those of these rows that exist, because the client says so; return how many there were."""
    if not rows:
        return 0
    session.rights.require(Right.WRITE, table)
    session.rights.require_columns(ColumnRight.UPDATE, table, rows)
    steps.fire(session, messages.UPDATE, table, rows)
    return _update(session, table, rows)


def _update(session: Session, table: Table, rows: Sequence[Row]) -> int:
    """Update those of these rows that exist; return how many there were."""
    if not rows:
        return 0
    changed = [
        {**_settled(row, table), "versionnumber": version}
        for version, row in enumerate(rows, start=session.reserve(len(rows)))
    ]
    for row in changed:
        row.pop("overriddencreatedon", None)  # it is for new rows only
    _refuse_unknown_targets(session, table, changed)
    write = partial(bulk.update, session.connection, session.schema.sql[table.name], table.key, same=session.authorship)
    try:
        updated = sum(map(write, _by_columns(changed)))
    except sa.exc.IntegrityError as error:
        raise alternate.violation(table, error) from error
    _compose_names(session, table, changed)
    return updated


def delete(session: Session, table: Table, keys: Iterable[str]) -> None:
    """Delete rows and do with the rows that point to them what each relationship says.

    Raises:
        Fault: a row is missing, a relationship forbids it, or a right is missing.
    """
    session.rights.require(Right.DELETE, table)
    wanted = set(keys)
    _refuse_missing(session, table, wanted)
    _delete(session, table, wanted, {})


def _delete(session: Session, table: Table, keys: set[str], going: dict[str, set[str]]) -> None:
    """Delete rows after what hangs on them; `going` holds what is being deleted further up, so that rings end."""
    keys = keys - going.setdefault(table.name, set())
    if not keys:
        return
    going[table.name] |= keys
    steps.fire(session, messages.DELETE, table, [()] * len(keys))
    for relationship in session.schema.collections[table.name].values():
        children = _children(session, relationship, keys)
        _release(session, relationship, children - going.get(relationship.referencing, set()), going)
    target = session.schema.sql[table.name]
    for chunk in chunks(list(keys)):
        session.connection.execute(sa.delete(target).where(target.c[table.key].in_(chunk)))
    tracking.bury(session, table, keys)


def repoint(session: Session, table: Table, old: str, new: str) -> None:
    """Let the rows that point to one row of a table point to another one; that one itself never comes to."""
    for relationship in session.schema.collections[table.name].values():
        child = session.schema.tables[relationship.referencing]
        column = child.by_name[relationship.column]
        to_new: Row = {column.name: new} | ({type_column(column.name): table.name} if column.is_polymorphic else {})
        children = _children(session, relationship, {old}) - {new}
        _update(session, child, [{child.key: key, **to_new} for key in sorted(children)])


def _children(session: Session, relationship: Relationship, keys: set[str]) -> set[str]:
    child = session.schema.tables[relationship.referencing]
    columns = session.schema.sql[child.name].c
    found: set[str] = set()
    for chunk in chunks(list(keys)):
        statement = sa.select(columns[child.key]).where(columns[relationship.column].in_(chunk))
        found.update(session.connection.scalars(statement))
    return found


def _release(session: Session, relationship: Relationship, children: set[str], going: dict[str, set[str]]) -> None:
    if not children:
        return
    child = session.schema.tables[relationship.referencing]
    column = child.by_name[relationship.column]
    match relationship.on_delete:
        case OnDelete.RESTRICT:
            message = f"The record cannot be deleted because rows of '{child.name}' refer to it."
            raise faults.Fault(405, odata.DELETE_RESTRICTED, message)
        case OnDelete.CASCADE:
            _delete(session, child, children, going)
        case OnDelete.REMOVE_LINK:
            empty: Row = {column.name: None} | ({type_column(column.name): None} if column.is_polymorphic else {})
            _update(session, child, [{child.key: key, **empty} for key in sorted(children)])

"""Turns a tree of conditions into an SQL expression whose values are bound parameters."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from backstamp import odata
from backstamp.embedded import column_security, database, faults, operators, tree
from backstamp.embedded.metadata import CHOICES, Column, ColumnType
from backstamp.embedded.rights import Right
from backstamp.embedded.schema import sql_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from backstamp.embedded.metadata import Relationship, Table
    from backstamp.embedded.store import Session

    Expression = sa.ColumnElement[Any]

_LARGEST_DECIMAL = 10**18
_LONGEST_PATTERN = 4000
_MOST_PATTERNS = 64
_ESCAPE = "~"
_GROUP = 25
_MOST_STEPS = 10
_SET = re.compile(r"\[(\^?)([^\]]+)\]", re.DOTALL)
_PATTERNS = {"contains": "%{}%", "startswith": "{}%", "endswith": "%{}", "like": "{}"}


@dataclass(frozen=True)
class Place:
    """A table as it stands in a statement: its definition and the SQL table or alias."""

    table: Table
    sql: sa.FromClause


@dataclass(frozen=True)
class Scope:
    """What the names in a condition mean: the main place, others by alias, and the session with its user and time."""

    session: Session
    main: Place
    others: Mapping[str, Place] = field(default_factory=dict)

    def place(self, alias: str) -> Place:
        """Return the place that an alias stands for.

        Raises:
            Fault: there is none.
        """
        found = self.others.get(alias) if alias else self.main
        if found is None:
            raise faults.bad_request(f"There is no table with the alias '{alias}' in the query.")
        return found

    def within(self, alias: str, place: Place) -> Scope:
        """Return the scope in which one more alias stands for a place."""
        return replace(self, others={**self.others, alias: place})


@dataclass(frozen=True)
class Found:
    """A column that a path leads to, and how SQL reaches its value."""

    column: Column
    value: Expression


def main_place(session: Session, name: str) -> Place:
    """Return the table that a statement reads; every other one comes from `place_of`.

    Raises:
        Fault: its user may not read the table.
    """
    session.rights.require(Right.READ, session.schema.tables[name])
    return Place(session.schema.tables[name], column_security.visible(session, name))


def place_of(session: Session, name: str) -> Place:
    """Return one more table as a place of its own in a statement."""
    place = main_place(session, name)
    return Place(place.table, place.sql.alias())


def condition(scope: Scope, node: tree.Node) -> Expression:  # noqa: PLR0911 - one line for each kind of node
    """Return a condition as an expression over the scope's places.

    Raises:
        Fault: a path leads nowhere, or a literal does not fit its column.
    """
    match node:
        case tree.Junction("and", operands):
            return _joined(sa.and_, [condition(scope, operand) for operand in operands])
        case tree.Junction(_, operands):
            return _joined(sa.or_, [condition(scope, operand) for operand in operands])
        case tree.Negation(operand):
            return _opposite(scope, operand)
        case tree.Comparison(operator, left, right):
            return _comparison(scope, operator, left, right)
        case tree.Like(function, path, text):
            return _like(scope, function, path, text)
        case tree.Among(path, contents, negated):
            return _among(scope, path, contents, negated=negated)
        case tree.During():
            return _during(scope, node)
        case tree.Some():
            return _some(scope, scope.place(node.path.alias), node, _steps(node.path))
        case tree.Linked():
            return _linked(scope, node)


def _joined(join: Callable[..., Expression], parts: list[Expression]) -> Expression:
    """Join conditions in groups of groups: SQLite takes a long row of them for a deep tree, and refuses it."""
    while len(parts) > _GROUP:
        starts = range(0, len(parts), _GROUP)
        groups = (join(*parts[start : start + _GROUP]) for start in starts)
        # SQLAlchemy takes parentheses away; a value of a type keeps them.
        parts = [sa.type_coerce(Grouping(group), sa.Boolean()) for group in groups]
    return join(*parts)


def _opposite(scope: Scope, node: tree.Node) -> Expression:
    """Return the opposite of a condition, with the parts of a junction turned one by one: so it nests less deeply."""
    match node:
        case tree.Negation(operand):
            return condition(scope, operand)
        case tree.Junction(operator, operands):
            opposites = tuple(tree.Negation(operand) for operand in operands)
            return condition(scope, tree.Junction("or" if operator == "and" else "and", opposites))
    return _not(condition(scope, node))


def _not(expression: Expression) -> Expression:
    """In OData a comparison with null is false, so that its opposite is true; in SQL both would be null."""
    return sa.not_(sa.func.coalesce(expression, sa.false()))


def _exists(place: Place, *wheres: Expression) -> Expression:
    # Said outright, because SQLAlchemy by itself sees no further than the next query around this one.
    rows = sa.select(sa.literal(1)).select_from(place.sql).where(*wheres).correlate_except(place.sql)
    return rows.exists()


def _comparison(scope: Scope, operator: str, left: tree.Operand, right: tree.Operand) -> Expression:
    if not isinstance(left, tree.Path):
        if not isinstance(right, tree.Path):
            raise faults.bad_request("A condition compares two literals.")
        return _comparison(scope, _MIRRORED[operator], right, left)
    found = resolve(scope, left)
    if isinstance(right, tree.Path):
        other = resolve(scope, right)
        if kind(found.column) != kind(other.column):
            message = f"The columns '{found.column.name}' and '{other.column.name}' have values of different kinds."
            raise faults.bad_request(message)
        return _OPERATORS[operator](comparable(found.column, found.value), comparable(other.column, other.value))
    content = scope.session.user if isinstance(right, tree.Caller) else right.content
    if content is None:
        if operator not in {"eq", "ne"}:
            raise faults.bad_request("null can only be compared with eq and ne.")
        return found.value.is_(None) if operator == "eq" else found.value.is_not(None)
    if found.column.type is ColumnType.BOOLEAN and operator not in {"eq", "ne"}:
        raise faults.bad_request(f"'{found.column.name}' can only be compared with eq and ne.")
    bound = literal(found.column, content)
    return _OPERATORS[operator](comparable(found.column, found.value), comparable(found.column, bound))


_MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_OPERATORS: dict[str, Callable[[Expression, Expression], Expression]] = {
    "eq": lambda left, right: left == right,
    # A row without a value is not equal to any value.
    "ne": lambda left, right: left.is_distinct_from(right),
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}


def kind(column: Column) -> str:
    """Return which values a column can be compared with: those of columns of the same kind."""
    if column.type is ColumnType.DATETIME:
        return "day" if column.date_only else "moment"
    if column.type is ColumnType.DECIMAL:
        return f"decimal of {column.precision or 0} digits"  # each is kept in units of its own
    return _KINDS.get(column.type, "id")


_KINDS = {
    ColumnType.STRING: "text",
    ColumnType.MEMO: "text",
    ColumnType.BOOLEAN: "yes or no",
    ColumnType.DOUBLE: "floating number",
    ColumnType.MONEY: "money",
    **dict.fromkeys((ColumnType.INTEGER, ColumnType.BIGINT, *CHOICES), "whole number"),
}


def _like(scope: Scope, function: str, path: tree.Operand, text: tree.Operand) -> Expression:
    if not isinstance(path, tree.Path) or not isinstance(text, tree.Value) or not isinstance(text.content, str):
        raise faults.bad_request(f"{function} takes a column and a text.")
    found = resolve(scope, path)
    if not found.column.is_text:
        raise faults.bad_request(f"{function} needs a column of text, and '{found.column.name}' is none.")
    value = sa.func.folded(found.value)
    whole = _PATTERNS[function].format(_storable(database.folded(text.content) or ""))
    return sa.or_(*(value.like(sa.bindparam(None, each, sa.Text()), escape=_ESCAPE) for each in _patterns(whole)))


def _patterns(text: str) -> Iterator[str]:
    """Spell a pattern of Dataverse for SQL's LIKE, which knows `%` and `_` only: `[ab]c` becomes `ac` and `bc`."""
    if len(text) > _LONGEST_PATTERN:
        raise faults.bad_request("A text to search for is too long.")
    pieces: list[list[str]] = []
    end = 0
    for found in _SET.finditer(text):
        pieces += [[_escaped(text[end : found.start()])], [_literally(each) for each in _members(found)]]
        end = found.end()
    pieces.append([_escaped(text[end:])])
    if _product(len(piece) for piece in pieces) > _MOST_PATTERNS:
        raise faults.bad_request("The sets of characters in a text to search for are too large.")
    return ("".join(each) for each in itertools.product(*pieces))


def _product(sizes: Iterator[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _members(found: re.Match[str]) -> list[str]:
    if found[1]:
        raise faults.bad_request("Excluded characters ([^a]) are not supported in a text to search for.")
    members: list[str] = []
    for first, last, single in re.findall(r"(.)-(.)|(.)", found[2], re.DOTALL):
        if single:
            members.append(single)
        elif not 0 <= ord(last) - ord(first) < _MOST_PATTERNS:
            raise faults.bad_request("A range of characters in a text to search for is too large or empty.")
        else:
            members += [chr(code) for code in range(ord(first), ord(last) + 1)]
    return members


def _escaped(text: str) -> str:
    return text.replace(_ESCAPE, _ESCAPE * 2)


def _literally(character: str) -> str:
    return f"{_ESCAPE}{character}" if character in {"%", "_", _ESCAPE} else character


def _among(scope: Scope, path: tree.Path, contents: tuple[str, ...], *, negated: bool) -> Expression:
    found = resolve(scope, path)
    if len(contents) > tree.MAX_CONDITIONS:
        raise faults.Fault(400, odata.TOO_MANY_CONDITIONS, "The list of values is too long.")
    bound = [comparable(found.column, literal(found.column, content)) for content in contents]
    value = comparable(found.column, found.value)
    return sa.or_(value.not_in(bound), value.is_(None)) if negated else value.in_(bound)


def _during(scope: Scope, node: tree.During) -> Expression:
    found = resolve(scope, node.path)
    if found.column.type is not ColumnType.DATETIME:
        raise faults.bad_request(f"'{node.period}' needs a column of times, and '{found.column.name}' is none.")
    start, end = operators.bounds(node.period, node.amount, odata.parse_time(scope.session.now))
    before = found.value < literal(found.column, odata.format_time(end))
    if start is None:
        return before
    return sa.and_(found.value >= literal(found.column, odata.format_time(start)), before)


def _some(scope: Scope, place: Place, node: tree.Some, steps: tuple[str, ...]) -> Expression:
    """Ask for rows at the end of a collection, which may hang on a row that lookups lead to."""
    name, *rest = steps
    if rest:
        relationship = navigation(scope.session, place.table, name)
        target = place_of(scope.session, relationship.referenced)
        linked = target.sql.c[target.table.key] == place.sql.c[relationship.column]
        return _exists(target, linked, _some(scope, target, node, tuple(rest)))
    collection = _ignoring_case(scope.session.schema.collections[place.table.name], name)
    if collection is None:
        raise faults.unknown_property(name, place.table.name)
    child = place_of(scope.session, collection.referencing)
    linked = child.sql.c[collection.column] == place.sql.c[place.table.key]
    if node.condition is None:
        return _exists(child, linked)
    inner = condition(scope.within(node.variable, child), node.condition)
    if node.every:
        return sa.not_(_exists(child, linked, _not(inner)))
    return _exists(child, linked, inner)


def _linked(scope: Scope, node: tree.Linked) -> Expression:
    place = place_of(scope.session, node.table)
    within = scope.within(node.alias, place)
    equal = tree.Comparison("eq", tree.Path((node.column,), node.alias), node.path)
    inner = tree.both(equal, node.condition)
    return _exists(place, condition(within, inner or equal))


def resolve(scope: Scope, path: tree.Path) -> Found:
    """Follow a path to a column, through lookups.

    Raises:
        Fault: there is no such column or lookup.
    """
    return _resolve(scope.session, scope.place(path.alias), _steps(path))


def _steps(path: tree.Path) -> tuple[str, ...]:
    if len(path.steps) > _MOST_STEPS:
        raise faults.bad_request(f"A path of a query can have at most {_MOST_STEPS} steps.")
    return path.steps


def _resolve(session: Session, place: Place, steps: tuple[str, ...]) -> Found:
    name, *rest = steps
    if not rest:
        column = readable(place.table, name)
        return Found(column, place.sql.c[column.name])
    relationship = navigation(session, place.table, name)
    target = place_of(session, relationship.referenced)
    found = _resolve(session, target, tuple(rest))
    linked = target.sql.c[target.table.key] == place.sql.c[relationship.column]
    return Found(found.column, sa.select(found.value).where(linked).correlate_except(target.sql).scalar_subquery())


def navigation(session: Session, table: Table, name: str) -> Relationship:
    """Return the single-valued navigation property of a path; Microsoft's client writes its name in lower case.

    Raises:
        Fault: there is none.
    """
    found = _ignoring_case(session.schema.navigations[table.name], name)
    if found is None:
        raise faults.unknown_property(name, table.name)
    return found


def _ignoring_case(properties: Mapping[str, Relationship], name: str) -> Relationship | None:
    if name in properties:
        return properties[name]
    return next((each for known, each in properties.items() if known.lower() == name.lower()), None)


def readable(table: Table, name: str) -> Column:
    """Return the column that a property of a query names: `lastname`, `_ownerid_value`; case does not matter.

    Raises:
        Fault: there is none; a lookup has to be named as `_x_value`.
    """
    lower = name.lower()
    is_lookup = lower.startswith("_") and lower.endswith("_value")
    column = table.by_name.get(lower[1:-6] if is_lookup else lower)
    if column is None or column.is_lookup is not is_lookup or column.type is ColumnType.ENTITY_NAME:
        raise faults.unknown_property(name, table.name)
    return column


def comparable(column: Column, value: Expression) -> Expression:
    """Return what stands for a value in comparisons and sorting: text without regard to case."""
    return sa.func.folded(value) if column.is_text else value


def literal(column: Column, content: object) -> Expression:
    """Bind a literal as a value of the column.

    Raises:
        Fault: it is none.
    """
    try:
        converted = _converted(column, content)
    except (ValueError, KeyError, ArithmeticError) as error:  # of time zones at the calendar's edge, too
        raise faults.bad_request(f"A value compared with '{column.name}' is no {column.type.value}.") from error
    # A whole number that its column could not hold is a fair question, with no row for an answer.
    type_ = sa.BigInteger() if isinstance(converted, int) and not isinstance(converted, bool) else sql_type(column)
    return sa.bindparam(None, converted, type_, unique=True)


def _converted(column: Column, content: object) -> object:
    convert = _CONVERTERS.get(column.type, _id)
    text = _storable(str(content))
    return convert(text) if column.type is not ColumnType.DATETIME else _moment(column, text)


def _storable(text: str) -> str:
    """Refuse a text that no row can have, and that a database would choke on."""
    if "\0" in text:
        raise faults.bad_request("A value holds a character that no text can have.")
    return text


def _moment(column: Column, text: str) -> str:
    moment = odata.parse_time(text)
    return moment.date().isoformat() if column.date_only else odata.format_time(moment)


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or abs(number) > _LARGEST_DECIMAL:
        raise ValueError
    return number


def _floating(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _whole(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _id(text: str) -> str:
    return text.strip("{}").lower()


_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_CONVERTERS: dict[ColumnType, Callable[[str], object]] = {
    ColumnType.BOOLEAN: lambda text: _TRUTHS[text.lower()],
    ColumnType.DECIMAL: _decimal,
    ColumnType.MONEY: _decimal,
    ColumnType.DOUBLE: _floating,
    ColumnType.INTEGER: _whole,
    ColumnType.BIGINT: _whole,
    ColumnType.STRING: str,
    ColumnType.MEMO: str,
    **dict.fromkeys(CHOICES, _whole),
}

"""Reads `$filter` into a tree of values, by recursive descent over a list of tokens (dataverse-webapi.md 4.1).

either    = both ("or" both)*
both      = negation ("and" negation)*
negation  = "not" negation | "(" either ")" | call | comparison
call      = contains(path, text) | startswith(…) | endswith(…) | Microsoft.Dynamics.CRM.In(…)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from backstamp import odata
from backstamp.embedded import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CONDITIONS = 500
_MAX_DEPTH = 100


@dataclass(frozen=True)
class Path:
    """A column, perhaps of a row that a lookup points to: `primarycontactid/fullname`."""

    steps: tuple[str, ...]


@dataclass(frozen=True)
class Value:
    """A literal."""

    content: object


Operand: TypeAlias = Path | Value


@dataclass(frozen=True)
class Comparison:
    """`left operator right`, where operator is eq ne gt ge lt or le."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True)
class Like:
    """A text that contains, starts with or ends with another."""

    function: str
    path: Operand
    text: Operand


@dataclass(frozen=True)
class Among:
    """A column whose value is one of a list; the list holds texts, whatever the column's type is."""

    path: Path
    contents: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class Negation:
    """The opposite."""

    operand: Node


@dataclass(frozen=True)
class Junction:
    """All (`and`) or any (`or`) of the operands."""

    operator: str
    operands: tuple[Node, ...]


Node: TypeAlias = Comparison | Like | Among | Negation | Junction

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})
    | (?P<time>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?:[A-Za-z_][\w.]*)?(?P<text>'(?:[^']|'')*')
    | (?P<list>\[(?:\s*"(?:[^"\\]|\\.)*"\s*,?)*\s*\])
    | (?P<name>[A-Za-z_][\w.]*(?:/[A-Za-z_]\w*)*)
    | (?P<mark>[(),=])
    )\s*""",
    re.VERBOSE,
)
_LITERAL_NAMES = {"null": None, "true": True, "false": False}
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_LIKES = frozenset({"contains", "startswith", "endswith"})
_AMONG = {odata.type_name("In"): False, odata.type_name("NotIn"): True}


def parse(text: str) -> Node:
    """Read a filter.

    Raises:
        Fault: it is malformed, too deep, or has more than 500 conditions.
    """
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise faults.bad_request(f"Syntax error at position {position} in the $filter.")
        tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        position = found.end()
    return tokens


class _Parser:
    """The tokens of one filter and how far they are read."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0
        self._conditions = 0

    def whole(self) -> Node:
        node = self._either()
        if self._position < len(self._tokens):
            raise self._unexpected()
        return node

    def _either(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise faults.bad_request("The $filter is nested too deeply.")
        operands = [self._both()]
        while self._accept("name", "or"):
            operands.append(self._both())
        self._depth -= 1
        return operands[0] if len(operands) == 1 else Junction("or", tuple(operands))

    def _both(self) -> Node:
        operands = [self._negation()]
        while self._accept("name", "and"):
            operands.append(self._negation())
        return operands[0] if len(operands) == 1 else Junction("and", tuple(operands))

    def _negation(self) -> Node:
        negated = False
        while self._accept("name", "not"):
            negated = not negated
        operand = self._condition()
        return Negation(operand) if negated else operand

    def _condition(self) -> Node:
        if self._accept("mark", "("):
            node = self._either()
            self._expect("mark", ")")
            return node
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            message = f"Number of conditions in query exceeded maximum limit of {MAX_CONDITIONS}."
            raise faults.Fault(400, odata.TOO_MANY_CONDITIONS, message)
        kind, text = self._peek()
        if kind == "name" and text in _LIKES:
            return self._like()
        if kind == "name" and text in _AMONG:
            return self._among()
        return self._comparison()

    def _like(self) -> Node:
        function = self._next()[1]
        self._expect("mark", "(")
        path = self._operand()
        self._expect("mark", ",")
        text = self._operand()
        self._expect("mark", ")")
        return Like(function, path, text)

    def _among(self) -> Node:
        negated = _AMONG[self._next()[1]]
        self._expect("mark", "(")
        self._expect("name", "PropertyName")
        self._expect("mark", "=")
        name = self._text()
        self._expect("mark", ",")
        self._expect("name", "PropertyValues")
        self._expect("mark", "=")
        contents = self._list()
        self._expect("mark", ")")
        return Among(Path(tuple(name.split("/"))), contents, negated)

    def _text(self) -> str:
        kind, text = self._next()
        if kind != "text":
            raise self._unexpected()
        return _unquoted(text)

    def _list(self) -> tuple[str, ...]:
        kind, text = self._next()
        if kind != "list":
            raise self._unexpected()
        try:
            return tuple(str(each) for each in orjson.loads(text))
        except orjson.JSONDecodeError as error:
            raise self._unexpected() from error

    def _comparison(self) -> Node:
        left = self._operand()
        kind, operator = self._next()
        if kind != "name" or operator not in _COMPARISONS:
            raise self._unexpected()
        return Comparison(operator, left, self._operand())

    def _operand(self) -> Operand:
        kind, text = self._next()
        match kind:
            case "name" if text in _LITERAL_NAMES:
                return Value(_LITERAL_NAMES[text])
            case "name":
                return Path(tuple(text.split("/")))
            case "text":
                return Value(_unquoted(text))
            case "number":
                return Value(int(text) if text.lstrip("-").isdigit() else Decimal(text))
            case "guid" | "time":
                return Value(text)
        raise self._unexpected()

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._position += 1
        return token

    def _accept(self, kind: str, text: str) -> bool:
        found = self._peek() == (kind, text)
        self._position += found
        return found

    def _expect(self, kind: str, text: str) -> None:
        if not self._accept(kind, text):
            raise self._unexpected()

    def _unexpected(self) -> faults.Fault:
        return faults.bad_request(f"Syntax error in the $filter near its part {self._position + 1}.")


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")


def matches(node: Node, item: Mapping[str, Any]) -> bool:
    """Tell whether a definition, as JSON, fits a filter; only equality is asked of definitions."""
    match node:
        case Junction("and", operands):
            return all(matches(operand, item) for operand in operands)
        case Junction(_, operands):
            return any(matches(operand, item) for operand in operands)
        case Negation(operand):
            return not matches(operand, item)
        case Comparison("eq" | "ne" as operator, left, right):
            return (_content(left, item) == _content(right, item)) is (operator == "eq")
        case Like(function, path, text):
            return _like(function, str(_content(path, item) or "").lower(), str(_content(text, item)).lower())
    raise faults.bad_request("This $filter is not supported for definitions.")


def _content(operand: Operand, item: Mapping[str, Any]) -> object:
    if isinstance(operand, Value):
        return operand.content
    found: Any = item
    for step in operand.steps:
        if not isinstance(found, dict) or step not in found:
            raise faults.bad_request(f"Could not find a property named '{step}'.")
        found = found[step]
    return found


def _like(function: str, whole: str, part: str) -> bool:
    match function:
        case "startswith":
            return whole.startswith(part)
        case "endswith":
            return whole.endswith(part)
    return part in whole

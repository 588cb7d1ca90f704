"""Reads `$filter` into a tree of conditions, by recursive descent over a list of tokens (dataverse-webapi.md 4.1).

either    = both ("or" both)*
both      = negation ("and" negation)*
negation  = "not" negation | "(" either ")" | call | lambda | comparison
call      = contains(path, text) | startswith(…) | endswith(…) | Microsoft.Dynamics.CRM.In(PropertyName=…, …)
lambda    = path/any() | path/any(x: either) | path/all(x: either)
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from backstamp import odata
from backstamp.embedded import faults, operators
from backstamp.embedded.tree import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    Caller,
    Comparison,
    Junction,
    Like,
    Negation,
    Node,
    Operand,
    Path,
    Some,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})
    | (?P<time>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?:[A-Za-z_][\w.]*)?(?P<text>'(?:[^']|'')*')
    | (?P<list>\[[^\]"]*(?:"(?:[^"\\]|\\.)*"[^\]"]*)*\])
    | (?P<alias>@\w+)
    | (?P<name>[A-Za-z_][\w.]*(?:/[A-Za-z_]\w*)*)
    | (?P<mark>[(),=:])
    )\s*""",
    re.VERBOSE,
)
_LITERAL_NAMES = {"null": None, "true": True, "false": False}
_LIKES = frozenset({"contains", "startswith", "endswith"})
_PREFIX = f"{odata.NAMESPACE}."
_MOST_VARIABLES = 6
_QUANTIFIERS = frozenset({"any", "all"})


def parse(text: str, aliases: Mapping[str, str] | None = None) -> Node:
    """Read a filter.

    Args:
        text: what stands behind `$filter=`.
        aliases: literals by the name of the parameter that stands for them (`@p1`).

    Raises:
        Fault: it is malformed, too deep, or has more than 500 conditions.
    """
    tokens = [found for token in _tokens(text) for found in _without_alias(token, aliases or {})]
    return _Parser(tokens).whole()


def _without_alias(token: tuple[str, str], aliases: Mapping[str, str]) -> list[tuple[str, str]]:
    kind, text = token
    if kind != "alias":
        return [token]
    found = _tokens(aliases.get(text, ""))
    # What stands for a parameter is one literal: it cannot bring operators along.
    if len(found) != 1 or found[0][0] in {"alias", "mark"}:
        raise faults.bad_request(f"The parameter alias '{text}' has no literal value.")
    return found


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
        self._variables: list[str] = []

    def whole(self) -> Node:
        node = self._either()
        if self._position < len(self._tokens):
            raise self._unexpected()
        return node

    def _either(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
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
        if kind == "name" and text.startswith(_PREFIX) and self._follows("("):
            return self._call()
        if kind == "name" and text.rpartition("/")[2] in _QUANTIFIERS and self._follows("("):
            return self._lambda()
        return self._comparison()

    def _like(self) -> Node:
        function = self._next()[1]
        self._expect("mark", "(")
        path = self._operand()
        self._expect("mark", ",")
        text = self._operand()
        self._expect("mark", ")")
        return Like(function, path, text)

    def _call(self) -> Node:
        function = self._next()[1].removeprefix(_PREFIX)
        self._expect("mark", "(")
        arguments = dict(self._arguments())
        name = arguments.pop("PropertyName", ())
        if len(name) != 1 or len(arguments) > 1 or not arguments.keys() <= {"PropertyValue", "PropertyValues"}:
            raise faults.bad_request(f"The query function {function} takes PropertyName and its value or values.")
        values = next(iter(arguments.values()), ())
        self._conditions += len(values)
        return operators.condition(operators.of_function(function), self._path(name[0]), values)

    def _arguments(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        while not self._accept("mark", ")"):
            kind, name = self._next()
            if kind != "name":
                raise self._unexpected()
            self._expect("mark", "=")
            yield name, self._argument()
            if self._peek() != ("mark", ")"):
                self._expect("mark", ",")

    def _argument(self) -> tuple[str, ...]:
        kind, text = self._next()
        match kind:
            case "list":
                return self._list(text)
            case "text":
                return (_unquoted(text),)
            case "number" | "guid" | "time":
                return (text,)
        raise self._unexpected()

    def _lambda(self) -> Node:
        path, _, quantifier = self._next()[1].rpartition("/")
        self._expect("mark", "(")
        if quantifier == "any" and self._accept("mark", ")"):
            return Some(self._path(path), "")
        kind, variable = self._next()
        if (
            kind != "name"
            or variable in self._variables
            or not variable.isidentifier()
            or len(self._variables) >= _MOST_VARIABLES
        ):
            raise self._unexpected()
        self._expect("mark", ":")
        source = self._path(path)
        self._variables.append(variable)
        condition = self._either()
        self._variables.pop()
        self._expect("mark", ")")
        return Some(source, variable, condition, every=quantifier == "all")

    def _path(self, text: str) -> Path:
        first, *rest = text.split("/")
        return Path(tuple(rest), first) if rest and first in self._variables else Path((first, *rest))

    def _list(self, text: str) -> tuple[str, ...]:
        try:
            contents = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise self._unexpected() from error
        if not all(isinstance(each, str | int | float) for each in contents):
            raise self._unexpected()
        return tuple(str(each) for each in contents)

    def _comparison(self) -> Node:
        left = self._operand()
        kind, operator = self._next()
        if kind != "name" or operator not in operators.COMPARISONS:
            raise self._unexpected()
        return Comparison(operator, left, self._operand())

    def _operand(self) -> Operand:
        kind, text = self._next()
        match kind:
            case "name" if text in _LITERAL_NAMES:
                return Value(_LITERAL_NAMES[text])
            case "name":
                return self._path(text)
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

    def _follows(self, mark: str) -> bool:
        return self._tokens[self._position + 1 : self._position + 2] == [("mark", mark)]

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
    if isinstance(operand, Caller):
        raise faults.bad_request("This $filter is not supported for definitions.")
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

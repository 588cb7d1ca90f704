"""A request and its reply as values, and the path of an address taken apart: what the routes see of HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

import orjson

from backstamp import odata
from backstamp.embedded import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp.embedded.values import Parsed

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Of a reply, in the spelling that clients look up."""

_SEGMENT = re.compile(r"([A-Za-z_$][\w.$]*)(?:\((.*)\))?", re.DOTALL)
_PIECE = re.compile(r"""'(?:[^']|'')*'|[()/]|[^'()/]+|'""")
_QUOTED = re.compile(r"'(?:[^']|'')*'", re.DOTALL)
_ARGUMENT = re.compile(r"(?:'(?:[^']|'')*'|\[[^\]]*\]|[^,])+", re.DOTALL)
_NAMED_KEY = re.compile(r"(\w+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Segment:
    """One step of a path: `contacts`, or with a key `contacts(8f3c…)`, `EntityDefinitions(LogicalName='contact')`.

    Attributes:
        name: what stands before the parentheses.
        key: what stands between them, quotes taken off; None without parentheses.
        key_name: what the key is called, "" where it is not named.
        values: all names and values, where they are named.
    """

    name: str
    key: str | None = None
    key_name: str = ""
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Request:
    """A request as the routes see it.

    Attributes:
        root: the address of the API as the client spells it, with the slash at its end.
        path: what follows the root, still percent-encoded.
        query: what follows the question mark, still percent-encoded.
        headers: by lower-case name.
        user: the id of the system user who asks.
        targets: those of a bulk action, if they were parsed ahead.
    """

    method: str
    root: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    user: str = ""
    targets: Parsed | None = None

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The steps of the path; slashes inside of parentheses and quotes do not count."""
        return tuple(_segment(part) for part in _steps(unquote(self.path)))

    @cached_property
    def preferences(self) -> dict[str, str]:
        """The preferences by lower-case name."""
        return odata.parse_preferences(self.headers.get("prefer", ""))

    @property
    def wants_rows(self) -> bool:
        """Tell whether the reply to a write is to hold the row."""
        return self.preferences.get("return") == "representation"

    def json(self) -> Any:  # noqa: ANN401 - whatever the client sent
        """Return the body.

        Raises:
            Fault: it is no JSON.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise faults.bad_request("The body of the request is not valid JSON.") from error

    def json_object(self) -> dict[str, Any]:
        """Return the body, which has to be an object.

        Raises:
            Fault: it is none.
        """
        body = self.json()
        if not isinstance(body, dict):
            raise faults.bad_request("The body of the request must be an object.")
        return body


@dataclass(frozen=True)
class Response:
    """A reply: status, headers in the spelling that clients look up, and body."""

    status: int = 204
    headers: Headers = ()
    content: bytes = b""
    media_type: str = field(default=odata.JSON_MINIMAL)

    @classmethod
    def json(cls, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """Return a reply with a JSON body."""
        return cls(status, tuple((headers or {}).items()), orjson.dumps(body, default=_exact))

    @classmethod
    def fault(cls, fault: faults.Fault) -> Response:
        """Return the reply that refuses a request."""
        return cls.json({"error": {"code": fault.code, "message": fault.message}}, fault.status)

    @classmethod
    def created(cls, address: str) -> Response:
        """Return the reply to a creation: where the new thing is."""
        return cls(204, ((odata.ENTITY_ID, address), (odata.LOCATION, address)))


def _exact(number: object) -> orjson.Fragment:
    """Write a decimal number with all its digits; a float would lose those beyond the fifteenth."""
    if not isinstance(number, Decimal):
        raise TypeError
    return orjson.Fragment(str(number))


def _steps(path: str) -> list[str]:
    steps, depth = [""], 0
    for piece in _PIECE.findall(path):
        depth += (piece == "(") - (piece == ")")
        if piece == "/" and depth == 0:
            steps.append("")
        else:
            steps[-1] += piece
    return [step for step in steps if step]


def _segment(text: str) -> Segment:
    found = _SEGMENT.fullmatch(text)
    if found is None:
        raise faults.unknown_path(text)
    name, key = found[1], found[2]
    if not key:
        return Segment(name)
    named = [_NAMED_KEY.fullmatch(part.strip()) for part in _ARGUMENT.findall(key)]
    values = tuple((each[1], _unquoted(each[2])) for each in named if each)
    if len(values) != len(named):
        return Segment(name, _unquoted(key))
    return Segment(name, values[0][1], values[0][0], values) if len(values) == 1 else Segment(name, key, "", values)


def reference(text: str) -> Segment:
    """Read what refers to a row: `contacts(8f3c…)`, with a slash before it, or its whole address.

    Raises:
        Fault: it is none.
    """
    steps = _steps(unquote(text))
    return _segment(steps[-1] if steps else "")


def _unquoted(text: str) -> str:
    if "'" not in text or text.startswith("["):
        return text
    if not _QUOTED.fullmatch(text):
        raise faults.bad_request("A key in the request URI is not quoted well.")
    return text[1:-1].replace("''", "'")

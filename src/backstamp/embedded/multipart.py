"""The body of a `$batch` as values, and back: parts with headers, of which each holds a request or a reply.

Clients differ in how they write it: line ends with or without a carriage return, addresses with raw spaces, absolute or
not, quoted or bare boundaries. What can be understood is taken (dataverse-webapi.md 0.4, 6.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

from backstamp import odata
from backstamp.embedded import faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backstamp.embedded.request import Response

_BOUNDARY = re.compile(r'multipart/mixed\s*;.*?boundary\s*=\s*(?:"([^"]+)"|([^\s;,"]+))', re.IGNORECASE | re.DOTALL)
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
_LINE_END = re.compile(r"\r?\n")
_HTTP = "application/http"
_MIXED = "multipart/mixed"


@dataclass(frozen=True)
class Part:
    """One part of a multipart body: its headers by lower-case name, and what follows them."""

    headers: Mapping[str, str]
    content: bytes

    @property
    def is_change_set(self) -> bool:
        """Tell whether the part holds parts itself."""
        return self.headers.get("content-type", "").lower().startswith(_MIXED)

    @property
    def content_id(self) -> str:
        """By what name later requests refer to this one; "" without one."""
        return self.headers.get("content-id", "").strip("<>")


@dataclass(frozen=True)
class Call:
    """A request inside of a part.

    Attributes:
        address: as the client wrote it, raw spaces included.
        headers: by lower-case name.
    """

    method: str
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def parts(content_type: str, body: bytes) -> list[Part]:
    """Take a multipart body apart.

    Raises:
        Fault: its type is not multipart/mixed with a boundary.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise faults.bad_request("The Content-Type must be multipart/mixed with a boundary.")
    boundary = re.escape((found[1] or found[2]).encode("latin-1", "replace"))
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + boundary + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = list(delimiter.finditer(body))
    ends = [mark.start() for mark in marks[1:]] + [len(body)]
    # What follows the closing mark is no part.
    return [_part(body[mark.end() : end]) for mark, end in zip(marks, ends, strict=False) if mark[1] is None]


def _part(data: bytes) -> Part:
    headers, content = _cut(data)
    return Part(_headers(_LINE_END.split(headers)), content)


def _cut(data: bytes) -> tuple[str, bytes]:
    """Cut at the first blank line: headers, and what follows."""
    found = _BLANK_LINE.search(data)
    head, rest = (data, b"") if found is None else (data[: found.start()], data[found.end() :])
    return head.decode("utf-8", "replace").strip(), rest


def _headers(lines: Iterable[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, mark, value in pairs if mark}


def call(part: Part) -> Call:
    """Read the request that a part holds.

    Raises:
        Fault: it holds none.
    """
    head, body = _cut(part.content.lstrip(b"\r\n"))
    line, *headers = _LINE_END.split(head)
    method, _, rest = line.strip().partition(" ")
    # An address can have spaces of its own: it ends at the last one.
    address, _, version = rest.rpartition(" ")
    if not address or not version.upper().startswith("HTTP/"):
        raise faults.bad_request("A part of the batch does not hold an HTTP request.")
    return Call(method.upper(), address.strip(), _headers(headers), body)


def write(kind: str, sections: Sequence[bytes]) -> tuple[str, bytes]:
    """Put parts together; return the Content-Type with the new boundary, and the body."""
    boundary = f"{kind}_{uuid4()}"
    mark = f"--{boundary}".encode()
    lines = [line for section in sections for line in (mark, section)]
    return f"{_MIXED}; boundary={boundary}", b"\r\n".join([*lines, mark + b"--", b""])


def reply(response: Response, content_id: str = "") -> bytes:
    """Write a reply as a part."""
    head = [f"{odata.CONTENT_TYPE}: {_HTTP}", "Content-Transfer-Encoding: binary"]
    if content_id:
        head.append(f"{odata.CONTENT_ID}: {content_id}")
    status = f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"
    headers = [(odata.ODATA_VERSION, odata.VERSION), *response.headers]
    if response.content:
        headers.append((odata.CONTENT_TYPE, response.media_type))
    lines = [*head, "", status, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("utf-8") + response.content


def change_set(replies: Sequence[bytes]) -> bytes:
    """Write the replies of a change set as one part."""
    kind, body = write("changesetresponse", replies)
    return f"{odata.CONTENT_TYPE}: {kind}\r\n\r\n".encode() + body

"""Several requests in one, each with an answer of its own (dataverse-webapi.md 6.1); nothing here talks to anyone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstamp import errors, http, odata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST = 100
"""Requests of a batch: the service takes a thousand, but they are done one after the other, and time is limited."""

_HEADERS = {odata.CONTENT_TYPE: "application/http", "Content-Transfer-Encoding": "binary"}
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})[^\r\n]*")


@dataclass(frozen=True)
class Part:
    """One request of a batch: its address is below the service root, its body, if any, becomes JSON."""

    method: str
    address: str
    headers: Mapping[str, str]
    body: object


def content_type(boundary: str) -> str:
    """Return the header that says what `write` gives."""
    return f'multipart/mixed; boundary="{boundary}"'


def write(parts: Sequence[Part], boundary: str) -> bytes:
    """Return the body of a batch."""
    written = [_written(part) for part in parts]
    opening = f"--{boundary}\r\n".encode()
    return b"".join(opening + part + b"\r\n" for part in written) + f"--{boundary}--\r\n".encode()


def _written(part: Part) -> bytes:
    headers = {odata.CONTENT_TYPE: odata.JSON, **part.headers}
    head = [*_lines(_HEADERS), "", f"{part.method} {odata.API_PATH}{part.address} HTTP/1.1", *_lines(headers), "", ""]
    return "\r\n".join(head).encode() + (b"" if part.body is None else http.as_json(part.body))


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


def read(answer: http.Answer, requests: int) -> list[http.Answer]:
    """Return the answers of a batch, in the order of its requests.

    Raises:
        TransientError: there are not as many as requests, so that nobody knows what was done.
    """
    found = _BOUNDARY.search(answer.headers.get(odata.CONTENT_TYPE, ""))
    pieces = re.split(rb"\r?\n?--" + re.escape(found[1].encode()), answer.body) if found else []
    answers = [_answer(piece) for piece in pieces if _STATUS.search(piece)]
    if len(answers) != requests:
        raise errors.TransientError(
            f"The environment answered {len(answers)} of {requests} requests of a batch: run again.",
            status=answer.status,
        )
    return answers


def _answer(piece: bytes) -> http.Answer:
    """Return the answer in a part: a status line, headers, and a body after an empty line."""
    status = _STATUS.search(piece)
    assert status is not None  # noqa: S101 - `read` has looked
    head, _, body = piece[status.end() :].replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = (line.partition(":") for line in head.decode("latin-1").strip().splitlines())
    headers = {name.strip().title(): value.strip() for name, _, value in lines}
    return http.Answer(int(status[1]), headers, body.strip())

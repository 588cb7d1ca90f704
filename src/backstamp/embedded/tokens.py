"""The opaque part of a next link: where to go on, in a spelling that no client has to quote."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from backstamp.embedded import faults


def write(position: object) -> str:
    """Spell a position (JSON values and decimal numbers) for an address."""
    return base64.urlsafe_b64encode(orjson.dumps(position, default=str)).decode().rstrip("=")


def read(token: str) -> dict[str, Any]:
    """Read what `write` spelled.

    Raises:
        Fault: it is something else.
    """
    try:
        position = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise faults.bad_request("The $skiptoken is malformed.") from error
    if not isinstance(position, dict):
        raise faults.bad_request("The $skiptoken is malformed.")
    return position

"""Answers `$batch`: many requests in one, in their order; those of a change set all or none.

Each request is answered as if it came alone. What it created has a name for those that follow (its Content-ID), which
may stand in their address and in their links.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from backstamp import odata
from backstamp.embedded import faults, multipart
from backstamp.embedded.request import Response, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from backstamp.embedded.multipart import Part
    from backstamp.embedded.request import Request

    Answer: TypeAlias = Callable[[Request], Response]
    Answering: TypeAlias = Callable[..., AbstractContextManager[Answer]]
    Known: TypeAlias = dict[str, str]

_MOST_REQUESTS = 1000
_LONGEST_ADDRESS = 65_536
_ORIGIN = re.compile(r"https?://[^/?]*", re.IGNORECASE)
_REFERENCE = re.compile(r"/?\$(\w+)(?=$|[/?(])")
_REFERRING = (odata.BIND, odata.ROW_ID)
_DEFINITIONS = frozenset(
    {
        odata.TABLE_DEFINITIONS,
        odata.RELATIONSHIP_DEFINITIONS,
        odata.CHOICE_DEFINITIONS,
        odata.CREATE_TABLES,
        odata.INSERT_OPTION,
        odata.UPDATE_OPTION,
        odata.DELETE_OPTION,
    }
)
# These say who asks and what is bypassed: they hold for every request inside.
_INHERITED = ("host", "caller", "mscrm")


def answer(request: Request, answering: Answering) -> Response:
    """Answer a batch.

    Args:
        request: what came to `$batch`.
        answering: gives, for a user and whether they write, one transaction's function that answers requests.

    Raises:
        Fault: the body is no batch, or has too many requests; nothing was done then.
    """
    found = multipart.parts(request.headers.get("content-type", ""), request.body)
    sets = {place: _inside(part) for place, part in enumerate(found) if part.is_change_set}
    if not found:
        raise faults.bad_request("The batch has no requests.")
    if len(found) - len(sets) + sum(map(len, sets.values())) > _MOST_REQUESTS:
        raise faults.bad_request(f"A batch can have at most {_MOST_REQUESTS} requests.")
    goes_on = odata.CONTINUE_ON_ERROR in request.preferences
    known: Known = {}
    replies: list[bytes] = []
    failed = False
    for place, part in enumerate(found):
        if place in sets:
            written, failed = _change_set(request, sets[place], known, answering)
        else:
            written, failed = _alone(request, part, known, answering)
        replies.append(written)
        if failed and not goes_on:
            break
    kind, body = multipart.write("batchresponse", replies)
    applied = ((odata.PREFERENCE_APPLIED, odata.CONTINUE_ON_ERROR),) if goes_on else ()
    return Response(400 if failed and not goes_on else 200, applied, body, kind)


def _inside(part: Part) -> list[Part]:
    return multipart.parts(part.headers["content-type"], part.content)


def _alone(request: Request, part: Part, known: Known, answering: Answering) -> tuple[bytes, bool]:
    """Answer one request in a transaction of its own; return the reply as a part, and whether it failed."""
    try:
        inner = _request(request, part, known)
        with answering(inner.user, writes=inner.method != "GET") as answer_one:
            response = answer_one(inner)
    except faults.Fault as fault:
        return multipart.reply(Response.fault(fault), part.content_id), True
    _remember(known, part, response)
    return multipart.reply(response, part.content_id), False


def _change_set(request: Request, members: list[Part], known: Known, answering: Answering) -> tuple[bytes, bool]:
    """Answer the requests of a change set in one transaction; the first that fails is the reply for all of them."""
    names = dict(known)
    replies: list[bytes] = []
    try:
        with answering(request.user, writes=True) as answer_one:
            for part in members:
                inner = _request(request, part, names)
                _refuse_in_change_set(inner)
                response = answer_one(inner)
                _remember(names, part, response)
                replies.append(multipart.reply(response, part.content_id))
    except faults.Fault as fault:
        return multipart.reply(Response.fault(fault)), True
    known.update(names)
    return multipart.change_set(replies), False


def _refuse_in_change_set(request: Request) -> None:
    if request.method == "GET":
        raise faults.bad_request("A change set cannot have GET requests.")
    if request.segments and request.segments[0].name in _DEFINITIONS:
        raise faults.bad_request("Definitions cannot be changed in a change set.")


def _remember(known: Known, part: Part, response: Response) -> None:
    address = dict(response.headers).get(odata.ENTITY_ID)
    if part.content_id and address:
        known[part.content_id] = address


def _request(outer: Request, part: Part, known: Known) -> Request:
    """Return the request that a part holds, as if it came alone.

    Raises:
        Fault: it is none, is a batch itself, or refers to what is not there.
    """
    call = multipart.call(part)
    if len(call.address) > _LONGEST_ADDRESS:
        raise faults.Fault(414, "", "The address of a request is too long.")
    path, mark, query = _local(outer, _resolved(call.address, known)).partition("?")
    # In an address that is not encoded a plus sign is one, and no space.
    query = query.replace("+", "%2B") if mark and " " in call.address else query
    inherited = {name: value for name, value in outer.headers.items() if name.startswith(_INHERITED)}
    inner = replace(
        outer,
        method=call.method,
        path=path,
        query=query,
        headers={**inherited, **call.headers},
        body=_with_references(call.body, known),
    )
    if inner.segments[:1] == (Segment(odata.BATCH),):
        raise faults.bad_request("A batch cannot hold another batch.")
    return inner


def _local(outer: Request, address: str) -> str:
    """Return what follows the root of the API in an address: absolute, from the root of the host, or relative."""
    root = _ORIGIN.sub("", outer.root)
    path = _ORIGIN.sub("", address)
    if path.startswith(root):
        return path.removeprefix(root)
    if path.startswith("/"):
        raise faults.unknown_path(path.partition("?")[0])
    return path


def _resolved(text: str, known: Known) -> str:
    """Put the address of what a Content-ID created in the place of its name.

    Raises:
        Fault: nothing of this name was created so far.
    """
    found = _REFERENCE.match(text)
    if found is None or not (found[1] in known or found[1].isdigit()):
        return text
    if found[1] not in known:
        raise faults.bad_request(f"Content-ID Reference: '${found[1]}' does not exist in the batch context.")
    return known[found[1]] + text[found.end() :]


def _with_references(body: bytes, known: Known) -> bytes:
    if b"$" not in body:
        return body
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body  # whoever reads it says what is wrong with it
    return orjson.dumps(_linked(content, known))


def _linked(content: Any, known: Known) -> Any:  # noqa: ANN401 - whatever JSON holds
    match content:
        case dict():
            return dict(_links(content, known))
        case list():
            return [_linked(each, known) for each in content]
    return content


def _links(content: Mapping[str, Any], known: Known) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if not name.endswith(_REFERRING):
            yield name, _linked(value, known)
        elif isinstance(value, list):
            yield name, [_resolved(str(each), known) for each in value]
        else:
            yield name, _resolved(value, known) if isinstance(value, str) else value

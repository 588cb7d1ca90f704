"""Serves a CRM over HTTP or HTTPS: an ASGI application that knows bearer tokens."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.concurrency import run_in_threadpool

from backstamp import odata
from backstamp import serving as servers
from backstamp.embedded import faults, identity, mishaps, protection, routes
from backstamp.embedded.request import Request, Response
from backstamp.embedded.store import Store
from backstamp.serving import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.types import Receive, Scope, Send

    from backstamp.embedded.authority import Tls
    from backstamp.embedded.request import Headers
    from backstamp.embedded.store import Settings

_log = logging.getLogger(__name__)
_LARGEST_BODY = 122_523_000
"""Bytes: what Dataverse takes at most (116.85 MB)."""


class App:
    """The ASGI application of one CRM.

    Replies are written without a framework because Starlette lower-cases the names of headers, and clients of the
    service look them up in their own spelling (dataverse-webapi.md 1.4).
    """

    def __init__(self, crm: Store, tokens: Mapping[str, str]) -> None:
        self._crm = crm
        self._bearers = identity.Bearers(crm, tokens)
        self._protection = protection.Protection(crm.settings.limits)
        self._fate = mishaps.Fate(crm.settings.mishaps, crm.settings.seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            try:
                response = await self._respond(scope, receive)
            except protection.Refused as refused:
                response = _with_headers(Response.fault(refused), refused.headers)
            except faults.Fault as fault:
                response = Response.fault(fault)
            except mishaps.NoAnswerError:
                await _break_off(send)
                return
            await _send(_with_headers(response, self._hints), send)

    @property
    def _hints(self) -> Headers:
        return ((odata.DOP_HINT, str(self._crm.settings.dop_hint)),)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origin = f"{scope['scheme']}://{headers.get('host', 'localhost')}"
        path = scope["raw_path"].decode("latin-1")
        if identity.is_ours(path):
            body = await _body(receive, identity.LARGEST_FORM)
            return await run_in_threadpool(identity.answer, self._crm, origin, scope["method"], path, headers, body)
        token = identity.token_of(headers)
        user = self._bearers.remembered(token) or await run_in_threadpool(self._bearers.stored, token)
        if user is None:
            return _unauthorized(origin)
        prefix = odata.API_PATH.removesuffix("/")
        if not path.startswith(prefix):
            raise faults.unknown_path(path)
        # Read even if it is refused then: a client that is still sending would not hear the answer.
        body = await _body(receive, _LARGEST_BODY)
        query = scope["query_string"].decode("latin-1")
        root = origin + odata.API_PATH
        request = Request(scope["method"], root, path.removeprefix(prefix), query, headers, body, user)
        with self._protection.admitted(user) as left:
            return _with_headers(await self._undergo(request), left)

    async def _undergo(self, request: Request) -> Response:
        """Do the work of a request, and let go wrong with it what is to go wrong."""
        mishap = self._fate.of(request)
        await mishaps.before(mishap)
        response = await run_in_threadpool(self._answer, request)
        await mishaps.after(mishap)
        return response

    def _answer(self, request: Request) -> Response:
        try:
            return routes.answer(self._crm, request)
        except Exception:  # noqa: BLE001 - one request that fails must not take the others' server down
            # The stack trace is for whoever runs the server; the client gets none of it.
            _log.exception("%s %s failed", request.method, request.path.partition("(")[0])
            return Response.fault(faults.Fault(500, odata.UNEXPECTED, "An unexpected error occurred."))


def _unauthorized(origin: str) -> Response:
    response = Response.fault(faults.Fault(401, "", "The bearer token is missing, not known, or has expired."))
    return _with_headers(response, (identity.challenge(origin),))


def _with_headers(response: Response, headers: Headers) -> Response:
    return replace(response, headers=(*response.headers, *headers)) if headers else response


async def _body(receive: Receive, largest: int) -> bytes:
    """Read the body; raise a `Fault` where it is larger than the service takes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > largest:
            raise faults.Fault(413, "", "The request is too large.")
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(response: Response, send: Send) -> None:
    headers = [
        (odata.ODATA_VERSION, odata.VERSION),
        (odata.SERVICE_REQUEST_ID, str(uuid4())),
        *response.headers,
    ]
    if response.content:
        headers += [(odata.CONTENT_TYPE, response.media_type), ("Content-Length", str(len(response.content)))]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    await send({"type": "http.response.body", "body": response.content})


async def _break_off(send: Send) -> None:
    """Begin a reply that promises more than it holds; the server then closes the connection."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"2")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


def create_app(settings: Settings, tokens: Mapping[str, str]) -> App:
    """Open the CRM, made new where there is none yet, and return its ASGI application.

    Args:
        settings: where the rows are, and how the CRM behaves.
        tokens: by bearer token, the domain name of the system user that it stands for.

    Raises:
        ConfigurationError: a domain name is not known.
    """
    return App(Store(settings), tokens)


@contextmanager
def serving(
    settings: Settings,
    tokens: Mapping[str, str],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: Tls | None = None,
) -> Iterator[str]:
    """Serve the CRM in a thread; give its base URL as soon as it answers, and stop it at the end.

    With certificates it serves HTTPS, else HTTP; port 0 takes a free one.

    Raises:
        ConfigurationError: the port is taken, or a domain name is not known.
    """
    crm = Store(settings)
    try:
        with servers.in_thread(App(crm, tokens), _address(host, port, tls)) as url:
            yield url
    finally:
        crm.close()


def serve_forever(
    settings: Settings,
    tokens: Mapping[str, str],
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    tls: Tls | None = None,
) -> None:
    """Serve the CRM until SIGINT or SIGTERM; `on_ready` gets the base URL once connections are taken.

    Raises:
        ConfigurationError: the port is taken, or a domain name is not known.
    """
    crm = Store(settings)
    try:
        servers.forever(App(crm, tokens), _address(host, port, tls), on_ready)
    finally:
        crm.close()


def _address(host: str, port: int, tls: Tls | None) -> Address:
    return Address("The embedded CRM", host, port, tls.server if tls else None)

"""Serves a CRM over HTTP: an ASGI application that knows bearer tokens, and the server that runs it."""

from __future__ import annotations

import gc
import hashlib
import logging
import signal
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import uvicorn
from starlette.concurrency import run_in_threadpool

from backstamp import errors, odata
from backstamp.embedded import faults, routes
from backstamp.embedded.request import Request, Response
from backstamp.embedded.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

    from starlette.types import Receive, Scope, Send

    from backstamp.embedded.store import Settings

_log = logging.getLogger(__name__)
_LARGEST_BODY = 122_523_000
"""Bytes: what Dataverse takes at most (116.85 MB)."""
_DOP_HINT = "4"
_START_SECONDS = 30.0


class App:
    """The ASGI application of one CRM.

    Replies are written without a framework because Starlette lower-cases the names of headers, and clients of the
    service look them up in their own spelling (dataverse-webapi.md 1.4).
    """

    def __init__(self, crm: Store, tokens: Mapping[str, str]) -> None:
        self._crm = crm
        # Only digests are kept: comparing them tells nothing about a token by the time it takes.
        self._users = {_digest(token): crm.user_id(domain_name) for token, domain_name in tokens.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            response = await self._respond(scope, receive)
            await _send(response, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        user = self._users.get(_digest(headers.get("authorization", "").removeprefix("Bearer ")))
        if user is None:
            return _unauthorized()
        path = scope["raw_path"].decode("latin-1")
        prefix = odata.API_PATH.removesuffix("/")
        if not path.startswith(prefix):
            return Response.fault(faults.unknown_path(path))
        body = await _body(receive)
        if body is None:
            return Response.fault(faults.Fault(413, "", "The request is too large."))
        root = f"{scope['scheme']}://{headers.get('host', 'localhost')}{odata.API_PATH}"
        query = scope["query_string"].decode("latin-1")
        request = Request(scope["method"], root, path.removeprefix(prefix), query, headers, body, user)
        return await run_in_threadpool(self._answer, request)

    def _answer(self, request: Request) -> Response:
        try:
            return routes.answer(self._crm, request)
        except Exception:  # noqa: BLE001 - one request that fails must not take the others' server down
            # The stack trace is for whoever runs the server; the client gets none of it.
            _log.exception("%s %s failed", request.method, request.path.partition("(")[0])
            return Response.fault(faults.Fault(500, odata.UNEXPECTED, "An unexpected error occurred."))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _unauthorized() -> Response:
    challenge = (odata.WWW_AUTHENTICATE, 'Bearer realm="backstamp"')
    body = Response.fault(faults.Fault(401, "", "The bearer token is missing or not known."))
    return Response(401, (challenge,), body.content)


async def _body(receive: Receive) -> bytes | None:
    """Read the body; None where it is larger than the service takes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(response: Response, send: Send) -> None:
    headers = [
        (odata.ODATA_VERSION, odata.VERSION),
        (odata.DOP_HINT, _DOP_HINT),
        (odata.SERVICE_REQUEST_ID, str(uuid4())),
        *response.headers,
    ]
    if response.content:
        headers += [(odata.CONTENT_TYPE, response.media_type), ("Content-Length", str(len(response.content)))]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    await send({"type": "http.response.body", "body": response.content})


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
def serving(settings: Settings, tokens: Mapping[str, str], *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the CRM in a thread; give its base URL as soon as it answers, and stop it at the end.

    Raises:
        ConfigurationError: the port is taken, or a domain name is not known.
    """
    crm = Store(settings)
    try:
        with _listening(host, port) as listener:
            server = _server(App(crm, tokens))
            thread = threading.Thread(target=server.run, args=([listener],), name="embedded-crm", daemon=True)
            thread.start()
            _await_start(server, thread)
            try:
                yield _url(listener)
            finally:
                server.should_exit = True
                thread.join()
    finally:
        crm.close()


def serve_forever(
    settings: Settings, tokens: Mapping[str, str], *, host: str, port: int, on_ready: Callable[[str], None]
) -> None:
    """Serve the CRM until SIGINT or SIGTERM; `on_ready` gets the base URL once connections are taken.

    Raises:
        ConfigurationError: the port is taken, or a domain name is not known.
    """
    crm = Store(settings)
    try:
        with _listening(host, port) as listener:
            server = _server(App(crm, tokens))
            with _stopped_by_signals(server):
                # All that is loaded by now stays: looking through it for garbage would hold up a request now and then.
                gc.freeze()
                on_ready(_url(listener))
                server.run([listener])
    finally:
        crm.close()


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """End the server on SIGINT and SIGTERM; uvicorn alone would pass the signal on, and kill this process with it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise errors.ConfigurationError(
            f"The embedded CRM cannot listen on {host}:{port}: {error.strerror}."
        ) from error
    with listener:
        # Head and body of a reply are two packets; without this the second waits 40 ms for the first to be confirmed.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def _server(app: App) -> uvicorn.Server:
    # Of the two HTTP implementations only h11 sends the names of headers as they were given.
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise errors.EnvironmentServiceError("The embedded CRM did not start; the log says why.")
        time.sleep(0.005)

"""One way to serve an ASGI application over HTTP or HTTPS, in a thread or until this process is stopped.

Whose application it is, is not known here.
"""

from __future__ import annotations

import gc
import ipaddress
import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn

from backstamp import errors, interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

_START_SECONDS = 30.0


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
        name: what is served, as it stands in an error: "The console".
        port: 0 takes a free one.
        certificate: a PEM file with certificate and key, for HTTPS; None for HTTP.
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def in_thread(app: Any, address: Address) -> Iterator[str]:  # noqa: ANN401 - an ASGI application, of any kind
    """Serve in a thread; give the base URL as soon as it answers, and stop it at the end.

    Raises:
        ConfigurationError: the port is taken.
    """
    with _listening(address) as listener:
        server = _server(app, address)
        thread = threading.Thread(target=server.run, args=([listener],), name=address.name, daemon=True)
        thread.start()
        _await_start(server, thread, address)
        try:
            yield _url(listener, address)
        finally:
            server.should_exit = True
            thread.join()


def forever(app: Any, address: Address, on_ready: Callable[[str], None]) -> None:  # noqa: ANN401
    """Serve until SIGINT or SIGTERM; `on_ready` gets the base URL once connections are taken.

    Raises:
        ConfigurationError: the port is taken.
    """
    with _listening(address) as listener:
        server = _server(app, address)
        with _stopped_by_signals(server):
            interpreter.search_seldom()
            interpreter.take_short_turns()
            # All that is loaded by now stays: looking through it for garbage would hold up a request now and then.
            gc.freeze()
            on_ready(_url(listener, address))
            server.run([listener])


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
def _listening(address: Address) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((address.host, address.port))
    except OSError as error:
        message = f"{address.name} cannot listen on {address.host}:{address.port}: {error.strerror}."
        raise errors.ConfigurationError(message) from error
    with listener:
        # Head and body of a reply are two packets; without this the second waits 40 ms for the first to be confirmed.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _url(listener: socket.socket, address: Address) -> str:
    host, port = listener.getsockname()[:2]
    return f"http{'s' if address.certificate else ''}://{host}:{port}"


def _server(app: Any, address: Address) -> uvicorn.Server:  # noqa: ANN401
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
            ssl_certfile=address.certificate,
        )
    )


def _await_start(server: uvicorn.Server, thread: threading.Thread, address: Address) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise errors.EnvironmentServiceError(f"{address.name} did not start; the log says why.")
        time.sleep(0.005)

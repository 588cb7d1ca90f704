"""The HTTP client against a real server on loopback that answers as each test wants."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from decimal import Decimal
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import pytest

from backstamp import errors, http
from backstamp.connect import pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HANG_UP = 0
"""Instead of a status: the server takes the request and closes the connection."""


class Seen(NamedTuple):
    """A request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """An answer for the server to give."""

    status: int
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: bytes = b"{}"


class Service:
    """What a server was asked, and where it is."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[Seen] = []


@contextmanager
def serving(*replies: Reply) -> Iterator[Service]:
    """Serve these replies one after the other, the last for ever."""
    following = iter([*replies[:-1], *[replies[-1]] * 50])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            service.seen.append(Seen(self.command, self.path, dict(self.headers), body))
            reply = next(following)
            if reply.status == HANG_UP:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - named by the base class

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = Service(f"http://127.0.0.1:{server.server_port}/api/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        server.shutdown()
        thread.join()


@contextmanager
def client(url: str, token: Callable[[], str] = lambda: "token") -> Iterator[http.Client]:
    """Make a client that closes at the end."""
    opened = http.Client(url, token, headers={"Accept": "application/json"}, gate=pace.Pace(4, lambda _: None))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the waits of these tests short; how they grow is tested by itself."""
    monkeypatch.setattr(http, "backoff", lambda _: 0.001)


def test_request_on_the_wire() -> None:
    """A request carries the token, the headers, its parameters percent-encoded, and numbers with all their digits."""
    with serving(Reply(204)) as service, client(service.url) as opened:
        opened.send(
            "POST", "contacts", parameters={"$filter": "a eq 'x&y'"}, body={"n": Decimal("12345678901.0123456789")}
        )
    (seen,) = service.seen
    assert seen.path in {"/api/contacts?%24filter=a%20eq%20%27x%26y%27", "/api/contacts?%24filter=a+eq+%27x%26y%27"}
    assert seen.headers["Authorization"] == "Bearer token"
    assert seen.headers["Accept"] == "application/json"
    assert seen.body == b'{"n":12345678901.0123456789}'


def test_fresh_token_after_401() -> None:
    """A token that ran out is asked for once more; the same one is not sent twice."""
    tokens = iter(["old", "new", "new", "new"])
    with serving(Reply(401), Reply(200), Reply(401)) as service, client(service.url, lambda: next(tokens)) as opened:
        assert opened.send("GET", "x").status == 200
        assert opened.send("GET", "x").status == 401
    assert [seen.headers["Authorization"] for seen in service.seen] == ["Bearer old", "Bearer new", "Bearer new"]


def test_too_many_requests_is_repeated() -> None:
    """A 429 is always repeated, a write too, after the time told in seconds or as a date."""
    told = [Reply(429, {"Retry-After": "0"}), Reply(429, {"Retry-After": formatdate(usegmt=True)}), Reply(429)]
    with serving(*told, Reply(204)) as service, client(service.url) as opened:
        assert opened.send("POST", "x").status == 204
    assert len(service.seen) == 4


@pytest.mark.parametrize("trouble", [502, 503, 504, HANG_UP])
def test_reads_are_repeated(trouble: int) -> None:
    """A read that met an overloaded server or a lost connection is repeated, and so is a write that may be."""
    with serving(*[Reply(trouble), Reply(200)] * 2) as service, client(service.url) as opened:
        assert opened.send("GET", "x").status == 200
        assert opened.send("POST", "x", repeatable=True).status == 200
    assert len(service.seen) == 4


def test_other_writes_are_not_repeated() -> None:
    """A write whose answer was lost, or that an overloaded server may have done, is sent once."""
    with serving(Reply(503), Reply(HANG_UP)) as service, client(service.url) as opened:
        assert opened.send("POST", "x").status == 503
        with pytest.raises(errors.TransientError):
            opened.send("POST", "x")
    assert len(service.seen) == 2


def test_patience_ends() -> None:
    """A service that is always busy is asked a few times and then its last answer is given."""
    with serving(Reply(429, {"Retry-After": "0"})) as service, client(service.url) as opened:
        assert opened.send("GET", "x").status == 429
    assert len(service.seen) == 8


def test_nobody_there() -> None:
    """Where nobody listens the error says which address, and never the token."""
    with serving(Reply(200)) as service:
        pass
    with client(service.url, lambda: "secret") as opened, pytest.raises(errors.TransientError) as raised:
        opened.send("GET", "x")
    assert service.url in str(raised.value)
    assert "secret" not in str(raised.value)


def test_cookies_are_not_kept() -> None:
    """A cookie would tie all threads to one web server, so none comes back."""
    with serving(Reply(200, {"Set-Cookie": "affinity=7"})) as service, client(service.url) as opened:
        opened.send("GET", "x")
        opened.send("GET", "x")
    assert "Cookie" not in service.seen[1].headers


def test_redirects_are_not_followed() -> None:
    """A redirect is an answer like any other: the token goes to no other address."""
    with serving(Reply(302, {"Location": "/elsewhere"})) as service, client(service.url) as opened:
        assert opened.send("GET", "x").status == 302
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    "url", ["http://crm.example.com/", "ftp://localhost/", "crm.example.com", "https://", "https://a:b"]
)
def test_unsafe_address(url: str) -> None:
    """A token is sent to other machines over TLS only."""
    with pytest.raises(errors.ConfigurationError, match=r"must begin with https|is no address"):
        http.Client(url, lambda: "token", headers={}, gate=pace.Pace(1, lambda _: None))


def test_answer_that_is_no_json() -> None:
    """A web page instead of JSON is told as what it is."""
    with pytest.raises(errors.EnvironmentServiceError, match="not JSON"):
        http.Answer(200, {}, b"<html>").json()


def test_exact_numbers() -> None:
    """On demand fractions keep all their digits."""
    assert http.Answer(200, {}, b'{"n": 12345678901.0123456789}').json(exact=True) == {"n": "12345678901.0123456789"}

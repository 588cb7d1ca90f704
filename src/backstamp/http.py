"""One HTTP client: TLS is verified, nothing waits for ever, and only what may be repeated is sent again.

It knows HTTP and nothing of any service: who calls it says what an answer means. Answers come back whatever their
status; an exception means that there was none.
"""

from __future__ import annotations

import email.utils
import http.cookiejar
import json
import random
import time
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import httpx2
import orjson

import backstamp
from backstamp import errors

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager

TOO_MANY_REQUESTS = 429
_OVERLOADED = frozenset({502, 503, 504})
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_REPEATABLE_METHODS = frozenset({"GET", "DELETE"})
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_TIMEOUT = httpx2.Timeout(120, connect=10)
_ATTEMPTS_WITHOUT_ANSWER = 4
_ATTEMPTS_WHEN_BUSY = 8
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers (found in any case) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, *, exact: bool = False) -> Any:  # noqa: ANN401 - the caller knows what it asked for
        """Return the body as JSON; `exact` gives numbers with a fraction as text, digit for digit.

        Raises:
            EnvironmentServiceError: the body is no JSON, so whoever answers is not the service that we mean.
        """
        try:
            return json.loads(self.body, parse_float=str) if exact else orjson.loads(self.body)
        except ValueError as error:
            raise errors.EnvironmentServiceError(
                "The answer is not JSON: check that the address is that of the service, not of a proxy or a web page.",
                status=self.status,
            ) from error


def as_json(body: object) -> bytes:
    """Spell a value as JSON, in one line; decimals keep their digits."""
    return orjson.dumps(body, default=_exact_number)


class Gate(Protocol):
    """Says when a request may leave; shared by all threads that use a client."""

    def slot(self) -> AbstractContextManager[object]:
        """Wait until a request may leave, and stay inside while it is under way."""
        ...

    def hold(self, seconds: float) -> None:
        """Let no request leave for so long: the service told us to wait."""
        ...


class Client:
    """Talks to one service as one user; safe to share between threads.

    Args:
        url: where relative addresses start; `https`, or `http` on this machine only.
        token: gives the bearer token; asked before each request, so keeping it is the giver's job. None sends none.
        headers: sent with every request.
        gate: says when a request may leave; at any time where it is left out.
        trust: whose certificates are believed; those that Python knows where it is left out.

    Raises:
        ConfigurationError: the url is not one that a token may be sent to.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], str] | None,
        *,
        headers: Mapping[str, str],
        gate: Gate | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.url = _checked_url(url)
        self._gate = gate or _Open()
        self._client = httpx2.Client(
            base_url=url,
            auth=_Bearer(token) if token else None,
            headers={"User-Agent": f"backstamp/{backstamp.__version__}", **headers},
            timeout=_TIMEOUT,
            verify=trust or True,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
            # Cookies would tie all threads to one web server of the service.
            cookies=http.cookiejar.CookieJar(policy=http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
            # A proxy could not reach this machine's own addresses.
            mounts={f"all://{host}": None for host in _LOOPBACK},
        )

    def send(
        self,
        method: str,
        address: str,
        *,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """Send one request, again where that is safe, and return the last answer.

        Args:
            method: `GET`, `POST`, …
            address: relative to the client's url.
            parameters: of the query, not yet percent-encoded; None leaves the address as it is.
            headers: besides those of the client.
            body: becomes JSON, in which decimals keep their digits; bytes go as they are, and `headers` say what they
                are.
            repeatable: doing it twice is as good as once; by default true of GET and DELETE only.

        Raises:
            TransientError: no answer came.
        """
        content = body if body is None or isinstance(body, bytes) else as_json(body)
        request = self._client.build_request(
            method, address, params=parameters, headers={**_describe(content), **(headers or {})}, content=content
        )
        may_repeat = method in _REPEATABLE_METHODS if repeatable is None else repeatable
        attempt = 1
        while True:
            result = self._attempt(request)
            pause = pause_before_retry(result, attempt, may_repeat=may_repeat)
            if pause is None:
                break
            self._wait(result, pause)
            attempt += 1
        if isinstance(result, Answer):
            return result
        raise errors.TransientError(f"{self.url} does not answer: {_reason(result)}.") from result

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _attempt(self, request: httpx2.Request) -> Answer | httpx2.TransportError:
        try:
            with self._gate.slot():
                response = self._client.send(request)
        except httpx2.TransportError as error:
            return error
        return Answer(response.status_code, response.headers, response.content)

    def _wait(self, result: Answer | httpx2.TransportError, seconds: float) -> None:
        if isinstance(result, Answer) and result.status == TOO_MANY_REQUESTS:
            self._gate.hold(seconds)
        else:
            time.sleep(seconds)


def pause_before_retry(result: Answer | httpx2.TransportError, attempt: int, *, may_repeat: bool) -> float | None:
    """Return how many seconds to wait before the same request is sent again, or None where it must not be.

    A refusal for sending too much (429), and a request that never left, may always be repeated; a lost answer and a
    server that was overloaded only where doing the work twice is harmless, since it may have been done.
    """
    if not isinstance(result, Answer):
        safe = may_repeat or isinstance(result, _NEVER_SENT)
        return backoff(attempt) if safe and attempt < _ATTEMPTS_WITHOUT_ANSWER else None
    busy = result.status == TOO_MANY_REQUESTS or (may_repeat and result.status in _OVERLOADED)
    if not busy or attempt >= _ATTEMPTS_WHEN_BUSY:
        return None
    told = seconds_told(result.headers.get("Retry-After", ""))
    return backoff(attempt) if told is None else told


def backoff(attempt: int) -> float:
    """Return the seconds to wait after so many attempts: half a second, doubled each time, spread by chance."""
    longest = min(_LONGEST_PAUSE, 0.5 * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1)  # noqa: S311 - spreads load, hides nothing


def seconds_told(header: str) -> float | None:
    """Read `Retry-After`: seconds or a date (RFC 9110, section 10.2.3)."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


class _Open:
    """The gate of a service that is asked seldom."""

    def slot(self) -> AbstractContextManager[object]:
        return nullcontext()

    def hold(self, seconds: float) -> None:
        time.sleep(seconds)


class _Bearer(httpx2.Auth):
    """Sends the token, and once more with a fresh one where the first had run out."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        sent = self._token()
        request.headers["Authorization"] = f"Bearer {sent}"
        response = yield request
        if response.status_code == 401 and (fresh := self._token()) != sent:
            request.headers["Authorization"] = f"Bearer {fresh}"
            yield request


def _checked_url(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise errors.ConfigurationError(f"{url} is no address: {error}.") from error
    local = parsed.host in {host.strip("[]") for host in _LOOPBACK}
    if parsed.host and (parsed.scheme == "https" or (parsed.scheme == "http" and local)):
        return url
    raise errors.ConfigurationError(
        f"{url} is not a safe address: it must begin with https://, or with http:// and name this machine."
    )


def _describe(content: bytes | None) -> dict[str, str]:
    return {} if content is None else {"Content-Type": "application/json"}


def _exact_number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"a {type(value).__name__} has no place in JSON")


def _reason(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "it took too long"
    return str(error) or type(error).__name__

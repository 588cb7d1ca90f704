"""Requests to one organization: counted, paced, and their failures in our words."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from backstamp import errors, http, odata
from backstamp.connect import pace, ports

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

_AT_ONCE_AT_FIRST = 4
_STRAINED = frozenset({odata.DEADLOCK, odata.SQL_TIMEOUT, odata.ROLLED_BACK, odata.UNEXPECTED})
_TRY_LATER = frozenset({429, 502, 503, 504})
_NO_RIGHT = frozenset({401, 403})
_GIVE_RIGHT = "give our account that right, organization-wide."
_OPEN_COLUMN = (
    "column security keeps our account from a column of it: give its column security profile that right, or turn column"
    " security off for the column."
)
_REMEDIES = dict.fromkeys((odata.COLUMN_CREATE_DENIED, odata.COLUMN_UPDATE_DENIED), _OPEN_COLUMN)
_HEADERS = {
    odata.ACCEPT: odata.JSON,
    odata.ODATA_VERSION: odata.VERSION,
    odata.ODATA_MAX_VERSION: odata.VERSION,
    # Without it a cache on the way may answer for the service.
    odata.IF_NONE_MATCH: "null",
}
_BYPASS = {odata.BYPASS_LOGIC: odata.BYPASS_LOGIC_ALL, odata.SUPPRESS_FLOWS: "true"}


class Session:
    """One account's requests to one organization; safe to share between threads.

    Args:
        url: of the organization: `https://contoso.crm.dynamics.com`.
        token: gives the bearer token.
        tag: marks our writes for the organization's own plug-ins.
        bypass_custom_logic: whether writes keep custom plug-ins, workflows and flows from running.
        trust: whose certificates are believed, if not those that Python knows.

    `tag` and `quiet` are the parameters and headers that every write carries for that; `requests_left` is how many the
    service takes before it asks to wait, None where it does not tell.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        *,
        tag: str,
        bypass_custom_logic: bool,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.traffic = ports.Traffic()
        self._pace = pace.Pace(_AT_ONCE_AT_FIRST, lambda seconds: self.traffic.add(waited_seconds=seconds))
        self._client = http.Client(self.url + odata.API_PATH, token, headers=_HEADERS, gate=self._pace, trust=trust)
        self.tag = {"tag": tag}
        self.quiet = _BYPASS if bypass_custom_logic else {}
        self._defining = threading.Lock()
        self.requests_left: int | None = None

    @property
    def at_once(self) -> int:
        """How many requests at once the service wants."""
        return self._pace.most

    def get(
        self,
        address: str,
        doing: str,
        *,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> http.Answer:
        """Read something; `doing` says what, for messages.

        Raises:
            UnauthorizedError: the token is not accepted, or the account has not the right.
            TransientError: no answer, or a service too busy.
            RefusedError: the request is wrong.
        """
        answer = self._send("GET", address, parameters=parameters, headers=headers)
        self.traffic.add(reads=1)
        if answer.status >= 400:
            raise self._error(answer, doing)
        return answer

    def define(self, address: str, body: Mapping[str, object] | None, doing: str) -> None:
        """Add to the metadata, or without a body take away; one at a time, as wanted (dataverse-webapi.md 2.5)."""
        with self._defining:
            answer = self._send("DELETE" if body is None else "POST", address, body=body)
        self.traffic.add(writes=1)
        if answer.status >= 400:
            raise self._error(answer, doing)

    def write(
        self,
        method: str,
        address: str,
        doing: str,
        *,
        body: Mapping[str, object] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool,
    ) -> http.Answer:
        """Write rows and return the answer, a refusal too: what it means for the rows is the caller's to say.

        Raises:
            UnauthorizedError: the token is not accepted, or the account has not the right.
            TransientError: no answer, or a service too busy; the rows may have been written.
        """
        headers = {**self.quiet, **(headers or {})}
        answer = self._send(method, address, parameters=self.tag, headers=headers, body=body, repeatable=repeatable)
        self.traffic.add(writes=1)
        if is_busy(answer) and not is_strained(answer):
            raise self._error(answer, doing)
        self.refuse_if_not_about_rows(answer, doing)
        return answer

    def heed(self, answer: http.Answer) -> None:
        """Let all wait if an answer inside of another one says so."""
        if answer.status == http.TOO_MANY_REQUESTS:
            told = http.seconds_told(answer.headers.get("Retry-After", ""))
            self._pace.hold(http.backoff(1) if told is None else told)

    def refuse_if_not_about_rows(self, answer: http.Answer, doing: str) -> None:
        """Raise `UnauthorizedError` where an answer is no: then it would be no for all rows."""
        if answer.status in _NO_RIGHT:
            raise self._error(answer, doing)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _send(self, method: str, address: str, **request: Any) -> http.Answer:  # noqa: ANN401 - see http.Client.send
        try:
            answer = self._client.send(method, address, **request)
        except errors.TransientError as error:
            raise errors.TransientError(
                f"The environment cannot be reached: {error} Start it with `backstamp crm`, or check environment.url."
            ) from error
        if (hint := answer.headers.get(odata.DOP_HINT, "")).isdigit():
            self._pace.allow(int(hint))
        left = answer.headers.get(odata.REQUESTS_LEFT, "")
        self.requests_left = int(left) if left.isdigit() else None
        self._pace.leave(self.requests_left)
        return answer

    def _error(self, answer: http.Answer, doing: str) -> errors.EnvironmentServiceError:
        code, words = failure(answer)
        said = f"{answer.status} {code}".strip()
        environment = f"The environment at {self.url}"
        kind: type[errors.EnvironmentServiceError] = errors.UnauthorizedError
        if answer.status == 401:
            message = f"{environment} does not accept our token: check its credential."
        elif answer.status == 403:
            message = f"{environment} does not let us {doing} ({said}): {_REMEDIES.get(code.lower(), _GIVE_RIGHT)}"
        elif is_busy(answer) or is_strained(answer):
            kind, message = errors.TransientError, f"{environment} is too busy to {doing} ({said}): try again later."
        else:
            kind, message = errors.RefusedError, f"{environment} refused to {doing} ({said}): {words}"
        return kind(message, status=answer.status, code=code)


def failure(answer: http.Answer) -> tuple[str, str]:
    """Return the service's error code and its own words, or "" where it gave none."""
    try:
        error = answer.json()["error"]
        return str(error.get("code") or ""), str(error.get("message") or "")
    except (errors.EnvironmentServiceError, KeyError, TypeError, AttributeError):
        return "", ""


def is_busy(answer: http.Answer) -> bool:
    """Tell whether the service has too much to do."""
    return answer.status in _TRY_LATER


def is_strained(answer: http.Answer) -> bool:
    """Tell a time-out, a deadlock or a stumble, which smaller batches help, from a refusal (dataverse-webapi.md 7)."""
    return answer.status == 500 or (answer.status >= 400 and failure(answer)[0] in _STRAINED)

"""Service protection: who asks too much is told so, and for how long to wait."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.embedded.conftest import APPLICATION_TOKEN, TOKENS, Crm, fault

from backstamp import embedded, odata
from backstamp.embedded import mishaps, protection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx2


@contextmanager
def limited(folder: Path, limits: embedded.Limits | None, **options: object) -> Iterator[Crm]:
    """Serve a CRM with limits; give its administrator."""
    database = f"sqlite:///{folder / 'crm.sqlite'}"
    settings = embedded.Settings.model_validate({"database_url": database, "limits": limits, **options})
    with embedded.serving(settings, TOKENS) as url:
        crm = Crm(url)
        with crm.http:
            yield crm


def who(crm: Crm) -> httpx2.Response:
    """Ask for something cheap."""
    return crm.http.get("WhoAmI")


def test_too_many_requests(tmp_path: Path) -> None:
    """Beyond the limit requests get 429, a code and Retry-After; after that wait they are answered again."""
    with limited(tmp_path, embedded.Limits(requests=5, window_seconds=2)) as crm:
        statuses = [who(crm).status_code for _ in range(5)]
        refused = who(crm)
        assert (statuses, fault(refused)) == ([200] * 5, (429, odata.TOO_MANY_REQUESTS))
        wait = int(refused.headers[odata.RETRY_AFTER])
        assert 1 <= wait <= 2
        time.sleep(wait)
        assert who(crm).status_code == 200


def test_each_user_has_limits_of_his_own(tmp_path: Path) -> None:
    """One user's excess does not keep another from working."""
    with limited(tmp_path, embedded.Limits(requests=1)) as crm:
        assert [who(crm).status_code for _ in range(3)] == [200, 429, 429]
        other = Crm(crm.url, APPLICATION_TOKEN)
        with other.http:
            assert who(other).status_code == 200


def test_who_does_not_wait_has_to_wait_longer() -> None:
    """A request sent before its time counts as one, so the wait becomes no shorter."""
    now = [0.0]
    guard = protection.Protection(embedded.Limits(requests=2, window_seconds=100), clock=lambda: now[0])
    waits = []
    for moment in (0.0, 1.0, 2.0, 50.0):
        now[0] = moment
        try:
            with guard.admitted("somebody"):
                pass
        except protection.Refused as refused:
            waits.append(int(refused.headers[0][1]))
    assert waits == [98, 51]


def test_too_much_time(tmp_path: Path) -> None:
    """When a user's requests have taken too long together, the next is refused with the code for that."""
    with limited(tmp_path, embedded.Limits(execution_seconds=0.001, window_seconds=2)) as crm:
        first = crm.http.get("contacts")
        assert first.headers[odata.TIME_LEFT] == "0.00"
        refused = who(crm)
        assert fault(refused) == (429, odata.TOO_MUCH_TIME)
        time.sleep(int(refused.headers[odata.RETRY_AFTER]))
        assert who(crm).status_code == 200


def test_too_many_at_once(tmp_path: Path) -> None:
    """More requests at one moment than allowed are refused at once; the others are answered."""
    slow = embedded.Mishap(kind=mishaps.Kind.TIMEOUT_BEFORE, path="leads", rate=1, seconds=1.5)
    with limited(tmp_path, embedded.Limits(at_once=2), mishaps=(slow,)) as crm, ThreadPoolExecutor(2) as pool:
        pending = [pool.submit(crm.http.get, "leads") for _ in range(2)]
        time.sleep(0.7)
        refused = who(crm)
        assert fault(refused) == (429, odata.TOO_MANY_AT_ONCE)
        assert int(refused.headers[odata.RETRY_AFTER]) >= 1
        assert all(future.exception() for future in pending)
        assert who(crm).status_code == 200


def test_the_headers_tell_what_is_left(tmp_path: Path) -> None:
    """Requests and seconds left are on each reply, and how many requests at once are advised."""
    with limited(tmp_path, embedded.Limits(requests=10), dop_hint=7) as crm:
        left = [int(who(crm).headers[odata.REQUESTS_LEFT]) for _ in range(3)]
        reply = who(crm)
        assert left == [9, 8, 7]
        assert 1199 < float(reply.headers[odata.TIME_LEFT].replace(",", "")) <= 1200
        assert reply.headers[odata.DOP_HINT] == "7"


def test_without_limits_nobody_is_refused(tmp_path: Path) -> None:
    """Protection is switched off where no limits are set; nothing is told of what is left then."""
    with limited(tmp_path, None) as crm:
        assert odata.REQUESTS_LEFT not in who(crm).headers


@pytest.mark.parametrize("limits", [{"requests": 0}, {"window_seconds": 0}, {"everything": 1}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int]) -> None:
    """Limits are checked when they are made."""
    with pytest.raises(ValueError, match="Limits"):
        embedded.Limits.model_validate(limits)

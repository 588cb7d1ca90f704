"""How long the HTTP client waits."""

from __future__ import annotations

from backstamp import http


def test_backoff_grows_to_a_limit() -> None:
    """Pauses double from half a second to half a minute, each spread over its upper half."""
    for attempt, longest in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30], start=1):
        assert longest / 2 <= http.backoff(attempt) <= longest


def test_wait_told_by_the_service() -> None:
    """`Retry-After` counts in seconds; what cannot be read counts as not told."""
    busy = http.Answer(429, {"Retry-After": "17"}, b"")
    assert http.pause_before_retry(busy, 1, may_repeat=False) == 17
    unclear = http.Answer(429, {"Retry-After": "soon"}, b"")
    assert 0 < (http.pause_before_retry(unclear, 1, may_repeat=False) or 0) <= 0.5

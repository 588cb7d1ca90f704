"""Webhooks, on a real server."""

from __future__ import annotations

import json

import pytest
from tests.connect.test_http import HANG_UP, Reply, serving

from backstamp import errors, notify

MESSAGE = notify.Message("shop", 7, {"Data Sources, crm.lead": "It does not answer."}, ())


def test_posted() -> None:
    """The parts of a message are posted as JSON, with a text that chats show, to the very address."""
    with serving(Reply(200)) as service:
        notify.Webhook(f"{service.url}services/T0/B0?key=1").send(MESSAGE)
    (seen,) = service.seen
    assert (seen.method, seen.path) == ("POST", "/api/services/T0/B0?key=1")
    assert "Authorization" not in seen.headers
    body = json.loads(seen.body)
    assert body["troubles"] == {"Data Sources, crm.lead": "It does not answer."}
    assert (body["run"], body["recovered"]) == (7, [])
    assert "crm.lead: It does not answer." in body["text"]


def test_token() -> None:
    """A token goes as a bearer token, and is not shown."""
    with serving(Reply(204)) as service:
        webhook = notify.Webhook(service.url, "hunter2")
        webhook.send(MESSAGE)
    assert service.seen[0].headers["Authorization"] == "Bearer hunter2"
    assert "hunter2" not in repr(webhook)


@pytest.mark.parametrize(("reply", "words"), [(Reply(500), "answered 500"), (Reply(HANG_UP), "does not answer")])
def test_not_taken(reply: Reply, words: str) -> None:
    """What a webhook did not take is an error that does not tell its address, which can be a secret."""
    with serving(reply) as service, pytest.raises(errors.TransientError, match=words) as caught:
        notify.Webhook(f"{service.url}hunter2").send(MESSAGE)
    assert "hunter2" not in str(caught.value)


def test_unsafe_address() -> None:
    """An address that others could listen to is refused, without telling it."""
    with pytest.raises(errors.ConfigurationError, match="https") as caught:
        notify.Webhook("http://example.com/hunter2").send(MESSAGE)
    assert "hunter2" not in str(caught.value)

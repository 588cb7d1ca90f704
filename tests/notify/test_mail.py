"""Mail to a real server."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest
from tests.notify import PASSWORD, USER, mail_server

from backstamp import errors, notify

TROUBLES = {"Data Sources, crm.lead": "The environment does not answer."}
MESSAGE = notify.Message("shop", 7, TROUBLES, ("Unification, Match",))


def mail(port: int, tls: Any, **others: Any) -> notify.Mail:
    """A way to the server."""
    return notify.Mail("localhost", port, tls, "backstamp@localhost", ("ada@localhost", "grace@localhost"), **others)


@pytest.mark.parametrize("tls", ["starttls", "implicit", "off"])
def test_sent(tls: str) -> None:
    """A mail says what failed and what is well again, and goes encrypted to a server that proves its name."""
    with mail_server(tls) as server:
        mail(server.port, tls, trust=server.trust).send(MESSAGE)
    (text,) = server.taken
    assert server.encrypted == [tls != "off"]
    found: Any = email.message_from_string(text, policy=email.policy.default)
    assert found["Subject"] == "backstamp shop: 1 failed, 1 well again"
    assert found["To"] == "ada@localhost, grace@localhost"
    body = found.get_content()
    assert "Data Sources, crm.lead: The environment does not answer." in body
    assert "Unification, Match: well again" in body


def test_sign_in() -> None:
    """Who signs in rightly is let in, who does not is told without the password."""
    with mail_server("starttls", sign_in=True) as server:
        mail(server.port, "starttls", user=USER.decode(), password=PASSWORD.decode(), trust=server.trust).send(MESSAGE)
        wrong = mail(server.port, "starttls", user=USER.decode(), password="wrong-one", trust=server.trust)
        with pytest.raises(errors.TransientError, match="took no mail") as caught:
            wrong.send(MESSAGE)
    assert len(server.taken) == 1
    assert "wrong-one" not in str(caught.value) + repr(wrong)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_stranger(tls: str) -> None:
    """A server that cannot prove its name is told nothing."""
    with mail_server(tls) as server, pytest.raises(errors.TransientError, match="SSLCertVerificationError"):
        mail(server.port, tls).send(MESSAGE)
    assert server.taken == []


def test_no_encryption() -> None:
    """Where encryption was asked for and is not offered, nothing is sent."""
    with mail_server("off") as server, pytest.raises(errors.TransientError, match="SMTPNotSupportedError"):
        mail(server.port, "starttls").send(MESSAGE)
    assert server.taken == []


def test_refused() -> None:
    """A server that takes no mail is told by its code; its words, which quote an address, are not repeated."""
    with mail_server() as server:
        server.refuses = True
        with pytest.raises(errors.TransientError, match="SMTPDataError 554") as caught:
            mail(server.port, "off").send(MESSAGE)
    assert "somebody" not in str(caught.value)


def test_nobody_there() -> None:
    """Where nobody listens that is told."""
    with pytest.raises(errors.TransientError, match="localhost:1 took no mail: ConnectionRefusedError"):
        mail(1, "off").send(MESSAGE)

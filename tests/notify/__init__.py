"""Messages to real servers on loopback."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = b"backstamp", b"a password"


@dataclass
class MailServer:
    """A mail server, and what it took.

    Attributes:
        port: where it listens.
        trust: whose certificates a client has to believe.
        taken: the mails, as their text.
        encrypted: whether each came on an encrypted connection.
        refuses: whether it takes no mail.
    """

    port: int = 0
    trust: ssl.SSLContext | None = None
    taken: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuses: bool = False

    async def handle_DATA(self, server: Any, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        if self.refuses:
            return "554 somebody@example.com is not welcome"
        self.taken.append(envelope.content.decode())
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 taken"


def _signed_in(_server: object, _session: object, _envelope: object, _mechanism: object, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (USER, PASSWORD))


@contextmanager
def mail_server(tls: str = "off", *, sign_in: bool = False) -> Iterator[MailServer]:
    """Serve mail."""
    authority, found = trustme.CA(), MailServer(trust=ssl.create_default_context())
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(serving)
    authority.configure_trust(found.trust)
    options: dict[str, Any] = {"tls_context": serving, "require_starttls": True} if tls == "starttls" else {}
    options |= {"ssl_context": serving} if tls == "implicit" else {}
    options |= {"authenticator": _signed_in, "auth_required": True} if sign_in else {}
    controller = _Controller(found, hostname="localhost", port=0, **options)
    controller.start()
    try:
        found.port = controller.port
        yield found
    finally:
        controller.stop()


class _Controller(Controller):
    """Listens on a free port, which is known only once it does."""

    def _trigger_server(self) -> None:
        """Greet it at the port that it has, not at the one that was asked for."""
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]

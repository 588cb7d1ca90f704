"""Messages by mail (SMTP, RFC 5321), encrypted unless said otherwise."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Literal

from backstamp import errors

if TYPE_CHECKING:
    from backstamp.notify.message import Message

Tls = Literal["starttls", "implicit", "off"]
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Mail:
    """A mail server, and who writes to whom.

    Attributes:
        host: of the server.
        port: 587 as a rule, 465 where `tls` is implicit.
        tls: `starttls` on the connection before anything is said, `implicit` from its first byte, or `off`.
        sender: the address that it is from.
        to: the addresses that it goes to.
        user: who signs in, if anybody does.
        password: of the user.
        trust: whose certificates are believed; those that Python knows where it is left out.
    """

    host: str
    port: int
    tls: Tls
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trust: ssl.SSLContext | None = field(default=None, repr=False)

    def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            TransientError: the server did not take it. Its own words are left out: they can quote addresses.
        """
        try:
            with self._connected() as server:
                if self.user is not None:
                    server.login(self.user, self.password or "")
                server.send_message(self._mail(message))
        except (smtplib.SMTPException, OSError) as error:
            code = getattr(error, "smtp_code", None)
            reason = f"{type(error).__name__}{f' {code}' if code else ''}"
            raise errors.TransientError(f"The mail server {self.host}:{self.port} took no mail: {reason}.") from error

    def _connected(self) -> smtplib.SMTP:
        trust = self.trust or ssl.create_default_context()
        if self.tls == "implicit":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT_SECONDS, context=trust)
        server = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT_SECONDS)
        if self.tls == "starttls":
            try:
                server.starttls(context=trust)
            except BaseException:
                server.close()
                raise
        return server

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.to)
        mail["Subject"] = message.subject
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = make_msgid(domain="backstamp.invalid")
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        mail.set_content(message.text)
        return mail

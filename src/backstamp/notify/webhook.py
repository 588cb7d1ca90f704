"""Messages to a webhook: JSON by HTTP POST."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from backstamp import errors, http

if TYPE_CHECKING:
    from backstamp.notify.message import Message

_TAKEN = range(200, 300)


@dataclass(frozen=True)
class Webhook:
    """Where messages are posted to.

    Attributes:
        url: the whole address, which may be a secret itself.
        token: a bearer token, if it wants one.
    """

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def send(self, message: Message) -> None:
        """Post a message: its parts, and `text`, which chats show.

        Raises:
            TransientError: it was not taken.
            ConfigurationError: the address is not one that a secret may be sent to.
        """
        token = self.token
        try:
            client = http.Client(self.url, None if token is None else lambda: token, headers={})
        except errors.ConfigurationError:
            message_without_address = "The webhook's address must begin with https://, or http:// on this machine."
            raise errors.ConfigurationError(message_without_address) from None
        try:
            answer = client.send("POST", self.url, body=asdict(message) | {"text": message.text})
        except errors.TransientError:
            raise errors.TransientError("The webhook does not answer.") from None
        finally:
            client.close()
        if answer.status not in _TAKEN:
            raise errors.TransientError(f"The webhook did not take a message: it answered {answer.status}.")

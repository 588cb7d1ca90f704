"""What a project file says of how it is run: where runs are kept, when they begin, who is told, who may come.

Pydantic reads the annotations while the program runs, so they are no mere text here.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr

from backstamp.notify.mail import Tls
from backstamp.runs import Role

FORBID_OTHER_KEYS = {"extra": "forbid"}
_LENGTH = re.compile(r"(?P<number>\d{1,4}) (?P<unit>second|minute|hour|day)s?")


@dataclass(frozen=True)
class LedgerSettings:
    """Where it is kept what runs did and do.

    Attributes:
        url: of a PostgreSQL database of its own; none for a file of the project's own.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    url: SecretStr | None = None


@dataclass(frozen=True)
class MailSettings:
    """A mail server, and who writes to whom.

    Attributes:
        host: of the server.
        from_: the address that messages are from.
        to: the addresses that they go to.
        port: of the server.
        tls: `starttls`; `implicit` from the first byte, as on port 465; `off` on a network of one's own only.
        user: who signs in, if anybody does.
        password: of the user.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    host: str
    from_: Annotated[str, Field(alias="from")]
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    port: int = 587
    tls: Tls = "starttls"
    user: str | None = None
    password: SecretStr | None = None


@dataclass(frozen=True)
class WebhookSettings:
    """Where messages are posted to as JSON.

    Attributes:
        url: the whole address; where it is a secret, from a variable.
        token: a bearer token, if it wants one.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    url: SecretStr
    token: SecretStr | None = None


@dataclass(frozen=True)
class Notify:
    """How people are told of what failed.

    Attributes:
        mail: by mail.
        webhook: by a webhook, such as that of a chat.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    mail: MailSettings | None = None
    webhook: WebhookSettings | None = None


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@dataclass(frozen=True)
class Schedule:
    """When runs begin by themselves.

    Attributes:
        every: so long after the last one began: `15 minutes`.
        daily: at these times of every day: `06:30`.
        weekly: at these times of days of the week.
        time_zone: whose times they are; that of the project where it is left out.
        on_change: when a table of the environment has changed.
        look_every: how often it is looked for changes then.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    every: str | None = None
    daily: tuple[str, ...] = ()
    weekly: dict[Weekday, tuple[str, ...]] = field(default_factory=dict)
    time_zone: str | None = None
    on_change: bool = False
    look_every: str = "1 minute"

    @property
    def interval(self) -> timedelta | None:
        """`every` as a length of time."""
        return None if self.every is None else length_of(self.every)

    @property
    def looks(self) -> timedelta:
        """`look_every` as a length of time."""
        return length_of(self.look_every)


def length_of(written: str) -> timedelta:
    """Return the length of time that `15 minutes`, `1 hour`, `2 days` say.

    Raises:
        ValueError: it says none, or one of nothing.
    """
    said = _LENGTH.fullmatch(written)
    if said is None or not int(said["number"]):
        raise ValueError(written)
    return timedelta(**{said["unit"] + "s": int(said["number"])})


@dataclass(frozen=True)
class SingleSignOn:
    """Who vouches for users of the console, by OpenID Connect.

    Attributes:
        issuer: the provider's address, under which `/.well-known/openid-configuration` is found.
        client_id: of the console there.
        client_secret: of the console there; none for a public client, which PKCE protects.
        name: how the button calls the provider.
        role: of who comes for the first time.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    issuer: str
    client_id: str
    client_secret: SecretStr | None = None
    name: str = "your organization"
    role: Role = Role.VIEWER


@dataclass(frozen=True)
class Console:
    """How the console is reached and who may come.

    Attributes:
        url: its public address, where a proxy stands before it; by default that which the browser asks.
        single_sign_on: by a provider of OpenID Connect, besides passwords.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    url: str | None = None
    single_sign_on: SingleSignOn | None = None

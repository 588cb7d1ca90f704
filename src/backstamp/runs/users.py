"""Who may use the console and its API: users, sessions, tokens, and the trail of who did what.

Passwords are kept as Argon2 hashes, sessions and tokens as digests.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Self

import argon2
import sqlalchemy as sa

from backstamp.errors import ConfigurationError
from backstamp.runs import schema
from backstamp.runs.database import Database
from backstamp.runs.facts import ApiToken, Deed, Role, User

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHORTEST_PASSWORD = 12
LONGEST_SESSION = timedelta(hours=12)
LONGEST_TOKEN_DAYS = 365
_GUESSES = 10
_GUESSED_WITHIN = timedelta(minutes=15)
_REFUSED = "was refused to sign in"
_hasher = argon2.PasswordHasher()


class Users:
    """The users of a project's console; several processes and threads may have it open.

    Args:
        location: of the ledger, whose database it shares: a path, or a database URL.

    Raises:
        ConfigurationError: it cannot be opened.
    """

    def __init__(self, location: str | Path) -> None:
        self._database = Database(location)

    def exist(self) -> bool:
        """Tell whether there is an administrator who can sign in."""
        who = schema.user.c
        administrators = sa.select(who.name).where(who.role == Role.ADMINISTRATOR, who.disabled.is_(False))
        with self._database.reading() as connection:
            return connection.execute(administrators.limit(1)).first() is not None

    def listed(self) -> list[User]:
        """Return all users, by name."""
        with self._database.reading() as connection:
            return [_user(row) for row in connection.execute(sa.select(schema.user).order_by("name")).mappings()]

    def add(self, name: str, role: Role, password: str, *, by: str) -> User:
        """Make a user.

        Raises:
            ConfigurationError: the name is taken or empty, or the password is too short.
        """
        name = _checked_name(name)
        hashed = _hashed(password)
        with self._database.writing() as connection:
            if _find(connection, name):
                raise ConfigurationError(f"There is a user {name} already: choose another name.")
            return _insert(connection, name, role, by=by, password=hashed)

    def change(
        self,
        name: str,
        *,
        by: str,
        role: Role | None = None,
        password: str | None = None,
        disabled: bool | None = None,
    ) -> User:
        """Change what is given of a user, whose sessions end.

        Raises:
            ConfigurationError: there is no such user, no administrator would be left, or the password is too short.
        """
        told = {"role": role, "disabled": disabled, "password": None if password is None else _hashed(password)}
        values = {column: value for column, value in told.items() if value is not None}
        with self._database.writing() as connection:
            _require(connection, name)
            connection.execute(schema.user.update().where(schema.user.c.name == name).values(**values))
            connection.execute(schema.session.delete().where(schema.session.c.user == name))
            _keep_an_administrator(connection)
            changed = ", ".join(f"{column}: {_told(column, value)}" for column, value in values.items())
            _note(connection, by, "changed a user", f"{name} ({changed})")
            return _user(_require(connection, name))

    def sign_in(self, name: str, password: str) -> str | None:
        """Return the token of a new session, None where name or password are wrong.

        Raises:
            ConfigurationError: too many guesses at this name within a quarter of an hour.
        """
        with self._database.reading() as connection:
            row = _find(connection, name)
            _refuse_guesses(connection, name)
        kept = row["password"] if row and not row["disabled"] else None
        fits = _fits(password, kept or _hash_of_nobody())
        with self._database.writing() as connection:
            if row is None or kept is None or not fits:
                _note(connection, name[:200], _REFUSED, "")
                return None
            return _begin_session(connection, row["name"])

    def sign_in_as(self, subject: str, name: str, role: Role) -> str | None:
        """Return the token of a new session of whom an identity provider vouches for; None for a disabled user.

        Args:
            subject: how the provider calls the person, for good.
            name: what to call a new user.
            role: of a new user.
        """
        with self._database.writing() as connection:
            query = sa.select(schema.user).where(schema.user.c.subject == subject)
            row = connection.execute(query).mappings().first()
            if row is not None:
                return None if row["disabled"] else _begin_session(connection, row["name"])
            name = _checked_name(name)
            # The names that people chose here are theirs: a provider's user never becomes one of them.
            name = name if _find(connection, name) is None else f"{name} ({secrets.token_hex(3)})"
            _insert(connection, name, role, by=name, subject=subject)
            return _begin_session(connection, name)

    def of_session(self, token: str) -> User | None:
        """Return whose session it is, None where it has ended."""
        joined = sa.select(schema.user).join_from(schema.session, schema.user)
        return self._of(joined.where(schema.session.c.digest == _digest(token)), schema.session.c.expires)

    def of_token(self, token: str) -> tuple[User, frozenset[str]] | None:
        """Return whose API token it is, and its scopes; None where it is none, or is good no more."""
        scopes = sa.select(schema.api_token.c.scopes).where(schema.api_token.c.digest == _digest(token))
        joined = sa.select(schema.user).join_from(schema.api_token, schema.user)
        user = self._of(joined.where(schema.api_token.c.digest == _digest(token)), schema.api_token.c.expires)
        if user is None:
            return None
        with self._database.reading() as connection:
            return user, frozenset(connection.scalar(scopes) or ())

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._database.writing() as connection:
            connection.execute(schema.session.delete().where(schema.session.c.digest == _digest(token)))

    def make_token(self, user: str, label: str, scopes: Sequence[str], days: int) -> str:
        """Return a new API token of a user, which is not kept itself and so never shown again.

        Raises:
            ConfigurationError: it has no name or no scope, or is to be good for too long.
        """
        if not label.strip() or not scopes or not 1 <= days <= LONGEST_TOKEN_DAYS:
            message = f"A token needs a name, a scope, and an end within {LONGEST_TOKEN_DAYS} days."
            raise ConfigurationError(message)
        token, now = secrets.token_urlsafe(32), datetime.now(UTC)
        values = {"digest": _digest(token), "user": user, "label": label.strip(), "scopes": sorted(scopes)}
        with self._database.writing() as connection:
            expires = now + timedelta(days=days)
            connection.execute(schema.api_token.insert().values(**values, made=now, expires=expires))
            _note(connection, user, "made a token", f"{label.strip()} ({', '.join(sorted(scopes))})")
        return token

    def tokens(self, user: str | None = None) -> list[ApiToken]:
        """Return the API tokens of a user, or of all, newest first."""
        query = sa.select(schema.api_token).order_by(schema.api_token.c.id.desc())
        if user is not None:
            query = query.where(schema.api_token.c.user == user)
        with self._database.reading() as connection:
            return [
                ApiToken(
                    row["id"], row["user"], row["label"], tuple(row["scopes"]), made=row["made"], expires=row["expires"]
                )
                for row in connection.execute(query).mappings()
            ]

    def revoke_token(self, number: int, *, by: str) -> None:
        """Remove an API token; nothing happens where there is none."""
        with self._database.writing() as connection:
            connection.execute(schema.api_token.delete().where(schema.api_token.c.id == number))
            _note(connection, by, "revoked a token", str(number))

    def note(self, by: str, what: str, of: str = "") -> None:
        """Note what somebody did, in words without personal data of any customer."""
        with self._database.writing() as connection:
            _note(connection, by, what, of)

    def trail(self, count: int) -> list[Deed]:
        """Return what was done last, newest first."""
        query = sa.select(schema.deed).order_by(schema.deed.c.id.desc()).limit(count)
        with self._database.reading() as connection:
            found = connection.execute(query).mappings()
            return [Deed(row["at"], row["by"], row["what"], row["of"]) for row in found]

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _of(self, query: sa.Select[tuple[object, ...]], expires: sa.ColumnElement[datetime]) -> User | None:
        good = query.where(expires > datetime.now(UTC), schema.user.c.disabled.is_(False))
        with self._database.reading() as connection:
            row = connection.execute(good).mappings().first()
        return None if row is None else _user(row)


def _user(row: sa.RowMapping) -> User:
    signs_in_by = "provider" if row["subject"] else "password"
    return User(row["name"], row["role"], signs_in_by, disabled=row["disabled"], made=row["made"])


def _find(connection: sa.Connection, name: str) -> sa.RowMapping | None:
    return connection.execute(sa.select(schema.user).where(schema.user.c.name == name)).mappings().first()


def _require(connection: sa.Connection, name: str) -> sa.RowMapping:
    found = _find(connection, name)
    if found is None:
        raise ConfigurationError(f"There is no user {name}: `backstamp user list` shows those there are.")
    return found


def _insert(connection: sa.Connection, name: str, role: Role, *, by: str, **values: str) -> User:
    row = {"name": name, "role": role, "disabled": False, "made": datetime.now(UTC)}
    connection.execute(schema.user.insert().values(**row, **values))
    _note(connection, by, "made a user", f"{name} ({role})")
    return _user(_require(connection, name))


def _keep_an_administrator(connection: sa.Connection) -> None:
    who = schema.user.c
    left = sa.select(sa.func.count()).where(who.role == Role.ADMINISTRATOR, who.disabled.is_(False))
    if not connection.scalar(left):
        raise ConfigurationError("This is the last administrator: make another one first.")


def _begin_session(connection: sa.Connection, name: str) -> str:
    token, now = secrets.token_urlsafe(32), datetime.now(UTC)
    connection.execute(schema.session.delete().where(schema.session.c.expires < now))
    connection.execute(schema.session.insert().values(digest=_digest(token), user=name, expires=now + LONGEST_SESSION))
    _note(connection, name, "signed in", "")
    return token


def _refuse_guesses(connection: sa.Connection, name: str) -> None:
    tried = schema.deed.c
    recent = sa.select(sa.func.count()).where(
        tried.by == name, tried.what == _REFUSED, tried.at > datetime.now(UTC) - _GUESSED_WITHIN
    )
    if (connection.scalar(recent) or 0) >= _GUESSES:
        raise ConfigurationError(
            "There were too many wrong passwords for this name: try again in a quarter of an hour."
        )


def _note(connection: sa.Connection, by: str, what: str, of: str) -> None:
    connection.execute(schema.deed.insert().values(at=datetime.now(UTC), by=by, what=what, of=of))


def _told(column: str, value: object) -> str:
    return "another" if column == "password" else str(value).lower()


def _checked_name(name: str) -> str:
    stripped = name.strip()
    if not 1 <= len(stripped) <= 190 or not stripped.isprintable():
        raise ConfigurationError("A user needs a name of at most 190 characters.")
    return stripped


def _hashed(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigurationError(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    return _hasher.hash(password)


def _fits(password: str, hashed: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except argon2.exceptions.VerificationError:
        return False


@cache
def _hash_of_nobody() -> str:
    """Return what is checked where there is no such user, so that the time an answer takes tells nothing."""
    return _hasher.hash(secrets.token_urlsafe())


def _digest(token: str) -> str:
    # Tokens are random, so a fast digest is as good as a slow one.
    return hashlib.sha256(token.encode()).hexdigest()

"""The tables of the ledger and their numbered upgrades."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp.errors import ConfigurationError
from backstamp.runs.facts import EntryState, Role, RowState, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware time in UTC, also where the database keeps none of the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        """Refuse a naive time: nobody could say later what it meant."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        """Give back what SQLite keeps without its zone."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


def _words(kind: type[StrEnum]) -> sa.Enum:
    """Kept as its words; a later issue can add one without touching the tables."""
    return sa.Enum(kind, native_enum=False, length=30, values_callable=lambda members: [str(word) for word in members])


metadata = sa.MetaData()

version = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer, nullable=False))

run = sa.Table(
    "run",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("status", _words(TaskStatus), nullable=False),
    sa.Column("arguments", sa.JSON, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("birth", sa.Text, nullable=False),
    sa.Column("started", UtcTime, nullable=False),
    sa.Column("published", UtcTime),
    sa.Column("ended", UtcTime),
    sa.Column("heartbeat", UtcTime, nullable=False),
    sa.Column("details", sa.Text, nullable=False, default=""),
    sa.Column("canceled_by", sa.Text),
)

task = sa.Table(
    "task",
    metadata,
    sa.Column("run", sa.ForeignKey("run.number"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("ends_in", sa.JSON, nullable=False),
    sa.Column("status", _words(TaskStatus), nullable=False, default=TaskStatus.NOT_STARTED),
    sa.Column("details", sa.Text, nullable=False, default=""),
    sa.Column("warnings", sa.JSON, nullable=False, default=[]),
    sa.Column("rows", sa.BigInteger),
    sa.Column("done", sa.BigInteger),
    sa.Column("total", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("canceled", sa.Boolean, nullable=False, default=False),
    sa.Column("started", UtcTime),
    sa.Column("ended", UtcTime),
    sa.Column("heartbeat", UtcTime),
    sa.UniqueConstraint("run", "group", "name"),
)

# What tasks said while they worked, the newest lines of each.
line = sa.Table(
    "task_line",
    metadata,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(("run", "position"), ("task.run", "task.position")),
)

# One row for each request, not for each row that is sent: a first run over a million rows makes some thousand.
entry = sa.Table(
    "journal_entry",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.ForeignKey("run.number"), nullable=False, index=True),
    sa.Column("work_list", sa.Text, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("state", _words(EntryState), nullable=False, index=True),
    sa.Column("sent", UtcTime, nullable=False),
    sa.Column("answered", UtcTime),
    sqlite_autoincrement=True,
)

exception = sa.Table(
    "journal_exception",
    metadata,
    sa.Column("entry", sa.ForeignKey("journal_entry.id"), primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", _words(RowState), nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("run", sa.ForeignKey("run.number"), nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("birth", sa.Text, nullable=False),
    sa.Column("acquired", UtcTime, nullable=False),
    sa.Column("heartbeat", UtcTime, nullable=False),
    sa.Column("wanted_by", sa.Integer),
)

# Environments to which nothing is sent until somebody approves it.
held = sa.Table(
    "held",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("since_run", sa.ForeignKey("run.number"), nullable=False),
)

# Who may use the console and its API. `subject` is how an identity provider calls a user; who has none has a password.
user = sa.Table(
    "console_user",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("role", _words(Role), nullable=False),
    sa.Column("password", sa.Text),
    sa.Column("subject", sa.Text, unique=True),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("made", UtcTime, nullable=False),
)

# Of sessions and tokens only digests are kept: who reads the database can use none.
session = sa.Table(
    "console_session",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user", sa.ForeignKey("console_user.name"), nullable=False, index=True),
    sa.Column("expires", UtcTime, nullable=False),
)

api_token = sa.Table(
    "api_token",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("user", sa.ForeignKey("console_user.name"), nullable=False, index=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("made", UtcTime, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
)

# Who did what, and when; nothing of it is ever changed.
deed = sa.Table(
    "deed",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("of", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

# One row at most: how the schedule stands, and the process that keeps it.
schedule = sa.Table(
    "schedule",
    metadata,
    sa.Column("is_on", sa.Boolean, nullable=False, default=True),
    sa.Column("turned_by", sa.Text, nullable=False, default=""),
    sa.Column("turned", UtcTime),
    sa.Column("wanted_by", sa.Text),
    sa.Column("problem", sa.Text, nullable=False, default=""),
    sa.Column("host", sa.Text),
    sa.Column("pid", sa.Integer),
    sa.Column("birth", sa.Text),
    sa.Column("heartbeat", UtcTime),
)

# Where the change feed of each table went on when the last run published: a copy of what the warehouse has.
feed = sa.Table(
    "feed",
    metadata,
    sa.Column("table", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, nullable=False),
)

# What people were told of and that is not well again.
trouble = sa.Table(
    "trouble",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
)


def _to_2(connection: sa.Connection) -> None:
    """Runs that others may follow while they hydrate, and environments that are held."""
    for table, column in ((run, run.c.published), (lease, lease.c.wanted_by)):
        kind = column.type.compile(connection.dialect)
        connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
    held.create(connection)


def _to_3(connection: sa.Connection) -> None:
    """Users of the console, and what they did."""
    for table in (user, session, api_token, deed):
        table.create(connection)


def _to_4(connection: sa.Connection) -> None:
    """The schedule, the feeds that it looks at, and what people were told."""
    for table in (schedule, feed, trouble):
        table.create(connection)


def _to_5(connection: sa.Connection) -> None:
    """What tasks said."""
    line.create(connection)


# UPGRADES[0] leads from version 1 to 2, and so on. A new ledger is made at the newest version at once.
UPGRADES: tuple[Callable[[sa.Connection], None], ...] = (_to_2, _to_3, _to_4, _to_5)


def is_current(connection: sa.Connection) -> bool:
    """Whether the ledger is there and at this program's version."""
    return _found(connection) == 1 + len(UPGRADES)


def upgrade(connection: sa.Connection) -> None:
    """Make the ledger, or bring it to this program's version, in the transaction of `connection`.

    Raises:
        ConfigurationError: a newer program has made or upgraded it.
    """
    found, newest = _found(connection), 1 + len(UPGRADES)
    if found is None:
        metadata.create_all(connection)
        connection.execute(version.insert().values(version=newest))
        return
    if found > newest:
        raise ConfigurationError(
            f"The ledger was written by a newer backstamp (its version is {found}, this program knows {newest}). "
            "Install that version, or name another ledger."
        )
    for step in UPGRADES[found - 1 :]:
        step(connection)
    connection.execute(version.update().values(version=newest))


def _found(connection: sa.Connection) -> int | None:
    if not sa.inspect(connection).has_table(version.name):
        return None
    return connection.scalar(sa.select(version.c.version))

"""Which troubles people were told of, so that each is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp.runs import schema

if TYPE_CHECKING:
    from collections.abc import Collection

    from backstamp.runs.database import Database


class Troubles:
    """What people were told of and that is not well again, by the channel through which they were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self, channel: str) -> frozenset[str]:
        """The troubles that a channel has told."""
        query = sa.select(schema.trouble.c.name).where(schema.trouble.c.channel == channel)
        with self._database.reading() as connection:
            return frozenset(connection.scalars(query))

    def note_told(self, channel: str, new: Collection[str], recovered: Collection[str]) -> None:
        """Note that a channel has told new troubles, and that others are over."""
        of_channel = schema.trouble.c.channel == channel
        with self._database.writing() as connection:
            connection.execute(schema.trouble.delete().where(of_channel, schema.trouble.c.name.in_(recovered)))
            if new:
                connection.execute(schema.trouble.insert(), [{"channel": channel, "name": name} for name in new])

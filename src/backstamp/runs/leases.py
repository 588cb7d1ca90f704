"""The lease of an environment: who holds it hydrates, and nobody else (linking.md 4)."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp.errors import BusyError, ContinuedError
from backstamp.runs import heartbeat, schema
from backstamp.runs.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backstamp.runs.database import Database


_ASK_EVERY_SECONDS = 0.2


class Lease:
    """The right of a run to write to an environment, until the block of `hold` ends."""

    def __init__(self, database: Database, environment: str, run: int) -> None:
        self._database = database
        self.environment = environment
        self.run = run

    def renew(self) -> None:
        """Give a sign of life, and make sure before a batch that the lease is still ours.

        Raises:
            BusyError: another run has taken the lease over.
        """
        with self._database.writing() as connection:
            change = schema.lease.update().where(self._ours()).values(heartbeat=datetime.now(UTC))
            if connection.execute(change).rowcount == 0:
                holder = _holder(connection, self.environment)
                raise BusyError(_refusal(self.environment, holder) if holder else "The lease was given back already.")

    def check(self) -> None:
        """Look whether a newer run waits for the lease; one short read, to be called between batches.

        Raises:
            ContinuedError: "continued by run N".
        """
        with self._database.reading() as connection:
            wanted_by = connection.scalar(sa.select(schema.lease.c.wanted_by).where(self._ours()))
        if wanted_by is not None:
            raise ContinuedError(f"continued by run {wanted_by}")

    def take_over(self, check_canceled: Callable[[], None]) -> None:
        """Ask the run that holds the lease to end its batches in flight, and take it when it has.

        Raises:
            CanceledError: `check_canceled` raised it meanwhile.
        """
        wish = schema.lease.update().where(schema.lease.c.environment == self.environment).values(wanted_by=self.run)
        while True:
            try:
                self.acquire()
            except BusyError:
                check_canceled()
                with self._database.writing() as connection:
                    connection.execute(wish)
                time.sleep(_ASK_EVERY_SECONDS)
            else:
                return

    def acquire(self) -> None:
        """Take the lease, also from a holder whose process is dead.

        Raises:
            BusyError: a living process holds it; the message says which.
        """
        with self._database.writing() as connection:
            holder = _holder(connection, self.environment)
            if holder and not _owner(holder).is_gone(holder.heartbeat, heartbeat.SILENCE):
                raise BusyError(_refusal(self.environment, holder))
            connection.execute(schema.lease.delete().where(schema.lease.c.environment == self.environment))
            now = datetime.now(UTC)
            values = vars(Owner.this_process()) | {"acquired": now, "heartbeat": now}
            connection.execute(schema.lease.insert().values(environment=self.environment, run=self.run, **values))

    def release(self) -> None:
        """Give the lease back; nothing happens where it is not ours any more."""
        with self._database.writing() as connection:
            connection.execute(schema.lease.delete().where(self._ours()))

    def _ours(self) -> sa.ColumnElement[bool]:
        return sa.and_(schema.lease.c.environment == self.environment, schema.lease.c.run == self.run)


@contextmanager
def hold(
    database: Database, environment: str, run: int, check_canceled: Callable[[], None] | None = None
) -> Iterator[Lease]:
    """Hold the lease of an environment for a run as long as the block lasts.

    Args:
        database: of the ledger.
        environment: which.
        run: the number of the run.
        check_canceled: raises `CanceledError` where the run is not to wait any more for the one that holds the lease;
            None where that one is left in peace.

    Raises:
        BusyError: a living process holds it, and is left in peace; the message says which.
    """
    lease = Lease(database, environment, run)
    if check_canceled is None:
        lease.acquire()
    else:
        lease.take_over(check_canceled)
    try:
        with heartbeat.beating(lease.renew):
            yield lease
    finally:
        lease.release()


def _holder(connection: sa.Connection, environment: str) -> sa.Row[tuple[object, ...]] | None:
    return connection.execute(sa.select(schema.lease).where(schema.lease.c.environment == environment)).one_or_none()


def _owner(holder: sa.Row[tuple[object, ...]]) -> Owner:
    return Owner(holder.host, holder.pid, holder.birth)


def _refusal(environment: str, holder: sa.Row[tuple[object, ...]]) -> str:
    return (
        f"Run {holder.run} ({_owner(holder)}) is writing to {environment} since {holder.acquired:%Y-%m-%d %H:%M} UTC. "
        "Wait until it has ended, or stop it with `backstamp cancel`."
    )

"""Which process owns a run or a lease, and whether it is still alive."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROCESSES = Path("/proc")


@dataclass(frozen=True)
class Owner:
    """A process on a host.

    Attributes:
        birth: tells the process from a later one with the same number, which a container hands out again at every
            start; "" where the system does not tell.
    """

    host: str
    pid: int
    birth: str

    @classmethod
    def this_process(cls) -> Owner:
        """The process that asks."""
        return cls(socket.gethostname(), os.getpid(), _birth_of(os.getpid()) or "")

    def is_gone(self, heartbeat: datetime, silence: timedelta) -> bool:
        """Whether the process has ended; on another host, whether it gave no sign of life for longer than `silence`."""
        if self.host == socket.gethostname():
            return _birth_of(self.pid) != self.birth
        return datetime.now(UTC) - heartbeat > silence

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def _birth_of(pid: int) -> str | None:
    """When the living process was born, in the system's own count; None where there is no such process."""
    if not (PROCESSES / "self").exists():
        return "" if _answers(pid) else None
    try:
        # proc(5): the name, field 2, is in parentheses and may hold spaces; field 3 is the state, 22 the start.
        fields = (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

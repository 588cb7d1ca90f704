"""A process that begins a run and is killed in the middle: `python -m tests.pipeline.dying FOLDER URL AT`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.link import meddling
from tests.pipeline import connected


class Killed(Exception):  # noqa: N818 - nobody ever sees it
    """Kills the process in which it is made."""

    def __init__(self, *_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def main(folder: str, url: str, at: str) -> None:
    """Run until a request that writes, counted from 0, has been answered; its answer is noted by nobody."""
    with connected(Path(folder), url) as place:
        place.run(lambda sink: meddling.Fails(sink, int(at), Killed, late=True))


if __name__ == "__main__":
    main(*sys.argv[1:])

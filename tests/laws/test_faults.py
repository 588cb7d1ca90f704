"""Law 4 of linking: whatever goes wrong in a run, after the next one all is as if nothing had."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.laws import world

from backstamp import embedded
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
FAMILIES = 30
ROUNDS = int(os.environ.get("LAWS_FAULTS", "1"))  # `make laws` asks for more
KILLS = int(os.environ.get("LAWS_KILLS", "2"))
WRITING = {"POST", "PATCH", "DELETE"}
PACKAGE = 10
"""Rows of a request: few, so that there are many."""


def often(kind: str, rate: float = 0.2, **values: object) -> embedded.Mishap:
    """Return a mishap of requests that write."""
    return embedded.Mishap.model_validate({"kind": kind, "methods": WRITING, "rate": rate, "seconds": 0.05, **values})


TROUBLES: Mapping[str, Mapping[str, Any]] = {
    "no answer": {"mishaps": (often("timeout before"), often("timeout after"), often("cut"))},
    "errors": {"mishaps": (often("error after"), often("deadlock"), often("unavailable"))},
    "asked to wait": {"limits": embedded.Limits(requests=40, window_seconds=1, at_once=3)},
    "expired": {"mishaps": (often("expired delta", methods={"GET"}, rate=1.0),)},
}


def test_troubles(tmp_path: Path) -> None:
    """After a run in which much goes wrong one in which nothing does puts all to rights; no row had two values."""
    draw = random.Random(5)  # noqa: S311 - chance, not a secret
    with world.beginning(tmp_path, 5, FAMILIES) as around:
        ends = set()
        for number, trouble in enumerate([*TROUBLES] * ROUNDS):
            around.change(world.KINDS[number % len(world.KINDS)])
            settings = world.crm_of(tmp_path, seed=number, **TROUBLES[trouble])
            tokens = ("ours", "ours", "ours", "outdated") if trouble == "expired" else ("ours",)
            with (
                around.unlucky(),
                embedded.serving(settings, world.TOKENS) as url,
                dataverse.Dataverse(url, partial(draw.choice, tokens), batch_size=PACKAGE) as environment,
            ):
                ends.add((trouble, around.run(environment).status))
            with around.unlucky():
                around.check(around.run())
        around.check_nothing_to_do()
        assert {status for _, status in ends} >= {"Successful", "Failed"}, ends


def test_kills(tmp_path: Path) -> None:
    """After a run that is killed at any moment the next one puts all to rights; no row had two values."""
    draw = random.Random(7)  # noqa: S311 - chance, not a secret
    with world.beginning(tmp_path, 7, FAMILIES) as around:
        longest = 0.0
        for number in range(KILLS):
            around.change(world.KINDS[number % len(world.KINDS)])
            moment = f"{draw.uniform(0, longest):.2f}" if number % 2 else f"at {draw.randrange(20)}"
            full = "full" if around.needs_full_run else ""
            command = [sys.executable, "-m", "tests.laws.dying", str(tmp_path), around.place.url, moment, full]
            with around.unlucky():
                subprocess.run(command, cwd=ROOT, check=False)
            begin = time.monotonic()
            with around.unlucky():
                around.check(around.run())
            longest = max(longest, time.monotonic() - begin)
        around.check_nothing_to_do()

"""A project with a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import pipeline
from tests.schedule import House

from backstamp import project, schedule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], House]:
    """Makes a project with this schedule."""
    monkeypatch.setattr(schedule, "_LOOK_EVERY_SECONDS", 0.02)

    def make(said: str) -> House:
        file = tmp_path / "backstamp.yaml"
        file.write_text(f"{pipeline.PROJECT}schedule: {said}\n", encoding="utf-8")
        return House(project.load(file))

    return make

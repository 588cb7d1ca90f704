"""One demo for all tests of the command line, and copies of it for those that change something."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli import PEOPLE, backstamp

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli import Said


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says how wide the screen is; pytest-xdist does, in its own processes."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo is; nobody changes it."""
    return tmp_path_factory.mktemp("cli") / "demo"


@pytest.fixture(scope="session")
def demo(demo_folder: Path) -> Said:
    """The demo, done; what it printed as JSON."""
    said = backstamp("demo", demo_folder, "--people", str(PEOPLE), "--json")
    assert said.code == 0, said
    return said


@pytest.fixture(scope="session")
def told(demo: Said) -> Any:
    """What the demo told."""
    return demo.document


@pytest.fixture
def file(demo: Said, demo_folder: Path, tmp_path: Path) -> Path:
    """The project file of a copy of the finished demo."""
    assert demo.code == 0
    shutil.copytree(demo_folder, tmp_path / "copy")
    return tmp_path / "copy" / "backstamp.yaml"

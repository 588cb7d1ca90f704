"""One project that has never run and one that has, made once; each test works on a copy of one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests import pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="package")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has never run."""
    folder = tmp_path_factory.mktemp("pipeline") / "untouched"
    folder.mkdir()
    pipeline.begin(folder)
    return folder


@pytest.fixture(scope="package")
def linked(untouched: Path) -> Path:
    """The same after two runs: the second one has read contacts with the column that the first one made."""
    folder = untouched.with_name("linked")
    shutil.copytree(untouched, folder)
    with pipeline.serving(folder) as place:
        for _ in range(2):
            assert set(pipeline.statuses(place.run()).values()) == {"Successful"}
    return folder


@pytest.fixture
def copy(linked: Path, tmp_path: Path) -> Path:
    """A copy of the project that has run."""
    return shutil.copytree(linked, tmp_path / "copy")


@pytest.fixture
def place(copy: Path) -> Iterator[pipeline.Place]:
    """A copy of the project that has run, its CRM being served."""
    with pipeline.serving(copy) as served:
        yield served

"""The project files for public data find what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

import accuracy

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"


@pytest.mark.parametrize("name", accuracy.SETS)
def test_project_is_as_accurate_as_the_page_says(name: str) -> None:
    """Run from its file and measured by its labels, the project of a data set has at least the F1 of the page."""
    if not (accuracy.DATA / f"{name}.parquet").exists():
        pytest.skip(f"there is no {name}.parquet in {accuracy.DATA} (BACKSTAMP_DATA names another folder)")
    found = accuracy.measure(name, "DuckDB")
    assert (round(found.pairs["f1"], 4), round(found.b_cubed["f1"], 4)) >= _told(name)


def test_page_tells_of_every_project() -> None:
    """Each project file beside the benchmark is run by it, and has its line and its words on the page."""
    projects = {file.stem for file in (Path(accuracy.__file__).parent / "accuracy").iterdir()}
    assert projects == set(accuracy.SETS)
    assert all(f"[{name}]" in PAGE.read_text(encoding="utf-8") for name in projects)
    assert all(_told(name) > (0.9, 0.9) for name in projects)


def _told(name: str) -> tuple[float, float]:
    """Return the F1 by pairs and B-cubed that the page tells of a data set on DuckDB."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    [line] = [line for line in lines if line.startswith(f"| {name} | backstamp, DuckDB |")]
    cells = [cell.strip() for cell in line.split("|")]
    return float(cells[5]), float(cells[8])

"""Whole runs on Spark: the CRM is told the same as by DuckDB."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml
from tests import engines
from tests.pipeline import CONTACTS, KEYS, MEASURE, PEOPLE, PROFILE, Place, guid, serving, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = engines.needs_spark


@pytest.fixture
def fresh(untouched: Path, tmp_path: Path) -> Iterator[Place]:
    """A project that has never run, and computes on Spark."""
    folder = shutil.copytree(untouched, tmp_path / "spark")
    file = folder / "backstamp.yaml"
    said = yaml.safe_load(file.read_text())
    said["engine"] = {"kind": "spark", "master": engines.SPARK.master, "options": dict(engines.SPARK.options)}
    file.write_text(yaml.safe_dump(said))
    with serving(folder) as place:
        yield place


def test_runs(fresh: Place) -> None:
    """A first run links every row; the next one, with nothing changed, writes nothing."""
    assert set(statuses(fresh.run()).values()) == {"Successful"}
    links = fresh.links()
    assert links[guid(1)] == links[guid(CONTACTS)]
    assert len(set(links.values())) == CONTACTS - 1
    assert fresh.is_whole()
    spent = fresh.rows(MEASURE, "msdynci_spent")
    points = fresh.rows(PROFILE, "msdynci_points")
    assert len(points) == len(spent) == PEOPLE
    assert len(fresh.rows(KEYS, "msdynci_customerid")) == PEOPLE + CONTACTS
    assert points[str(links[guid(2)])] == 2
    assert spent[str(links[guid(2)])] == pytest.approx(1.5 * PEOPLE / 10)
    before = fresh.environment.traffic.writes
    assert set(statuses(fresh.run()).values()) == {"Successful"}
    assert fresh.environment.traffic.writes - before <= 1

"""Whole runs on Spark: the CRM is told the same as by DuckDB."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests import engines
from tests.pipeline import CONTACTS, KEYS, MEASURE, PEOPLE, PROFILE, Place, guid, serving, statuses

from backstamp import pipeline
from backstamp.unify import explain

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


def looked_at(place: Place) -> dict[str, Any]:
    """What the pages of customers and records show, but for CustomerIds, which no two runs have in common."""
    settings = place.settings
    listed = pipeline.find_customers(settings, pipeline.Wanted(), 2 * PEOPLE)
    narrowed = pipeline.find_customers(settings, pipeline.Wanted("P1@x", "crm.contact", 3), 9)
    rows = pipeline.find_rows(settings, "loyalty.member", "m11", 50)
    found = pipeline.search(settings.state, settings.engine, "p2@x")
    customer = pipeline.customer(settings, explain.Row("crm.contact", guid(1)))
    assert customer is not None
    return {
        "columns": listed.columns,
        "listed": sorted((one.rows, sorted(one.values.items())) for one in listed.customers),
        "narrowed": [(one.rows, one.values) for one in narrowed.customers],
        "found": [hit.label for hit in found],
        "rows": [(row.key, row.values, row.customer_id is None) for row in rows.rows],
        "row": pipeline.row_values(settings, explain.Row("crm.contact", guid(3))),
        "customer": (customer.rows, customer.values, [(one.name, one.rows) for one in customer.measures]),
    }


def test_pages(fresh: Place, place: Place) -> None:
    """The pages of customers and records show what they show on DuckDB."""
    fresh.run()
    shown = looked_at(fresh)
    assert shown == looked_at(place)
    assert (len(shown["listed"]), len(shown["narrowed"]), shown["found"]) == (PEOPLE, 1, ["p2@x"])
    assert shown["rows"]


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

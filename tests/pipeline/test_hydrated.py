"""What the CRM holds of measures and activities, and how one request reaches it from a row."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests import engines, pipeline
from tests.pipeline import LOOKUP, MEASURE, PEOPLE, PROFILE, Place, guid, statuses, task

from backstamp.pipeline import hydrated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACTIVITY = "msdynci_unifiedactivity"
MEASURES = "measures: {Spent: {kind: attribute, of: shop.purchase, value: sum(amount)}}\nhydrate: [attributes]\n"
MORE = """\
activities: [{table: shop.purchase, type: Purchase, time: on, detail: [amount]}]
measures:
  Spent: {kind: attribute, of: shop.purchase, value: sum(amount)}
  Bought: {kind: customer, of: shop.purchase, values: {Number: count(*), Largest: max(amount)}}
  ByAmount: {kind: customer, of: shop.purchase, value: count(*), dimensions: [amount]}
  Sales: {kind: business, of: shop.purchase, value: count(*), dimensions: [amount]}
hydrate: [attributes, activities, business]
link: {activities: 20}
"""
BOUGHT, SALES = "msdynci_bought", "msdynci_sales"


@contextmanager
def measured(untouched: Path, folder: Path) -> Iterator[Place]:
    """A project that writes all that there is, after a run; one purchase a day, the customer of m1 with 22 of them."""
    pipeline.begin(folder)
    assert untouched.exists()
    with pipeline.serving(folder) as place:
        file = folder / "backstamp.yaml"
        text = file.read_text().replace(MEASURES, MORE).replace("amount: decimal}", "amount: decimal, on: time}")
        file.write_text(text)
        days = (f"2026-01-01T00:{minute // 60:02}:{minute % 60:02}" for minute in range(1000))
        place.edit(
            "purchases.csv",
            lambda lines: ["id,memberid,amount,on\n", *(f"{line.strip()},{next(days)}\n" for line in lines[1:])],
        )
        yield place


@pytest.fixture(scope="module")
def place(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Such a project after a run."""
    with measured(untouched, tmp_path_factory.mktemp("hydrated")) as found:
        assert set(statuses(found.run()).values()) == {"Successful"}
        yield found


def asked(place: Place, path: str, **parameters: str) -> Any:
    """What the CRM answers to a request."""
    answer = httpx2.get(
        f"{place.url}/api/data/v9.2/{path}", params=parameters, headers={"Authorization": "Bearer ours"}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_one_request(place: Place) -> None:
    """From a contact one request reads its profile, measures and activities, as one join in SQL does."""
    to_bought, to_activity = (f"{PROFILE}_{table}_{PROFILE}" for table in (BOUGHT, ACTIVITY))
    below = f"{to_bought}($select=msdynci_number,msdynci_largest),{to_activity}($select=msdynci_activityid)"
    row = asked(place, f"contacts({guid(2)})", **{"$expand": f"{LOOKUP}($select=msdynci_email;$expand={below})"})
    profile = row[LOOKUP]
    [bought], activities = profile[to_bought], profile[to_activity]
    owner = next(one["customer_id"] for one in place.published("members") if one["key"] == guid(2))
    [mine] = [one for one in place.published("measure_Bought") if one["customer_id"] == owner]
    assert (bought["msdynci_number"], bought["msdynci_largest"]) == (mine["Number"], float(mine["Largest"]))
    assert (mine["Number"], len(activities), profile["msdynci_email"]) == (22, 20, "p2@x")
    sql = (
        f"SELECT p.msdynci_email, m.msdynci_number FROM contact c JOIN {PROFILE} p ON c.{LOOKUP} = p.{PROFILE}id"
        f" JOIN {BOUGHT} m ON m.{PROFILE} = p.{PROFILE}id WHERE c.contactid = '{guid(2)}'"
    )
    assert asked(place, "contacts", sql=sql)["value"] == [{"msdynci_email": "p2@x", "msdynci_number": 22}]


def test_what_is_where(place: Place) -> None:
    """A measure of customers alone has a row each, one with other dimensions none, a business measure its own."""
    assert len(place.rows(BOUGHT, "msdynci_number")) == PEOPLE
    assert place.environment.find("msdynci_byamount") is None
    assert list(place.rows(SALES, "msdynci_sales").values()) == [PEOPLE]
    newest = {row["key"] for row in place.published("activities") if int(row["key"]) > 20}
    assert set(place.rows(ACTIVITY, "msdynci_sourceactivityid").values()) == newest


def test_a_change_and_its_undoing(untouched: Path, tmp_path: Path) -> None:
    """A purchase writes few rows; undone, all tables hold what they held; what is hydrated no more goes."""
    columns = {BOUGHT: "msdynci_number", SALES: "msdynci_sales", ACTIVITY: "msdynci_title", MEASURE: "msdynci_spent"}
    with measured(untouched, tmp_path) as place:
        place.run()
        before = {table: place.rows(table, column) for table, column in columns.items()}
        place.edit("purchases.csv", lambda lines: [*lines, "901,m2,1.50,2026-01-02T00:00:00\n"])
        changed = place.run()
        assert task(changed, "Customer Measures").rows == 4
        assert {table: place.rows(table, column) for table, column in columns.items()} != before
        place.approve(place.undo(changed.number).number)
        assert {table: place.rows(table, column) for table, column in columns.items()} == before
        file = tmp_path / "backstamp.yaml"
        without = file.read_text().replace("hydrate: [attributes, activities, business]", "hydrate: []")
        file.write_text(without.replace("  Bought:", "  Other:"))
        ended = place.approve(place.run().number)
        assert set(statuses(ended).values()) == {"Successful"}
        assert [len(place.rows(table, column)) for table, column in columns.items()] == [0] * 4
        assert len(place.rows("msdynci_other", "msdynci_number")) == PEOPLE


def test_a_business_measure_that_is_too_large(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A business measure with more rows than anybody looks through is left out, and the plan says so."""
    monkeypatch.setattr(hydrated, "MOST_ROWS", 0)
    assert task(place.run(), "Plan").warnings == (hydrated.TOO_LARGE.format(measure="Sales"),)
    assert not place.rows(SALES, "msdynci_sales")


def test_an_insight(untouched: Path, tmp_path: Path) -> None:
    """Of scores from elsewhere the newest is an attribute, written where insights are, and measures are made of it."""
    insight = "insights: {Risk: {table: shop.purchase, score: amount, time: on, name: id}}\n"
    with measured(untouched, tmp_path) as place:
        file = tmp_path / "backstamp.yaml"
        twice = "  Twice: {kind: attribute, of: customers, value: Risk * 2}\n"
        text = file.read_text().replace("  Bought:", f"{twice}  Bought:").replace("hydrate: [attributes,", "hydrate: [")
        file.write_text(text.replace("hydrate: [", f"{insight}hydrate: [insights,").replace("name: id", "name: model"))
        lines = (tmp_path / "purchases.csv").read_text().splitlines()
        scored = [f"{line},{'Risk' if number < 3 else 'other'}" for number, line in enumerate(lines[1:])]
        newer = (
            "9001,m2,77,2026-02-01T00:00:00,Risk\n9002,m2,1,2026-01-31T00:00:00,Risk\n9003,m2,5,2026-03-01T00:00:00,x\n"
        )
        (tmp_path / "purchases.csv").write_text("\n".join([f"{lines[0]},model", *scored]) + "\n" + newer)
        assert set(statuses(place.run()).values()) == {"Successful"}
        owner = next(one["customer_id"] for one in place.published("members") if one["key"] == "m2")
        [mine] = [one for one in place.published("measures") if one["customer_id"] == owner]
        assert (mine["Risk"], mine["Twice"]) == (77, 154)
        ids = {customer_id: key for key, customer_id in place.rows(MEASURE, "msdynci_customerid").items()}
        assert place.rows(MEASURE, "msdynci_risk")[ids[owner]] == 77
        assert place.environment.define(MEASURE).column("msdynci_spent") is None


def test_a_dead_band(untouched: Path, tmp_path: Path) -> None:
    """A value is not written while it is near the one that was sent, however many small steps it takes; then it is."""
    with measured(untouched, tmp_path) as place:
        file = tmp_path / "backstamp.yaml"
        band = "value: sum(amount), dead_band: 5 %}"
        file.write_text(file.read_text().replace("value: sum(amount)}", band, 1).replace(", activities, business", ""))
        place.run()
        owner = next(one["customer_id"] for one in place.published("members") if one["key"] == "m2")
        [row] = [one for one in place.published("measures") if one["customer_id"] == owner]
        assert row["Spent"] == 33
        for number, shown in ((901, 33), (902, 33), (903, 34.8)):
            more = f"{number},m2,0.60,2026-01-02T00:00:00\n"
            with (tmp_path / "purchases.csv").open("a") as purchases:
                purchases.write(more)
            place.run()
            assert float(spent_of(place, owner)) == shown
        [row] = [one for one in place.published("measures") if one["customer_id"] == owner]
        assert float(row["Spent"]) == 34.8


@engines.needs_spark
def test_on_spark(untouched: Path, tmp_path: Path) -> None:
    """Spark gives the CRM the same, and a second run writes nothing."""
    with measured(untouched, tmp_path) as place:
        file = tmp_path / "backstamp.yaml"
        spark = {"kind": "spark", "master": engines.SPARK.master, "options": dict(engines.SPARK.options)}
        text = file.read_text().replace("engine: {threads: 2}", f"engine: {json.dumps(spark)}")
        file.write_text(text.replace("Largest: max(amount)}}", "Largest: max(amount)}, dead_band: 1 %}"))
        place.run()
        assert list(place.rows(SALES, "msdynci_sales").values()) == [PEOPLE]
        assert sorted(place.rows(BOUGHT, "msdynci_number").values()) == [0] * (PEOPLE - 10) + [22] * 10
        newest = set(map(str, range(21, PEOPLE + 1)))
        assert set(place.rows(ACTIVITY, "msdynci_sourceactivityid").values()) == newest
        assert task(place.run(), "Customer Measures").rows == 0


def spent_of(place: Place, customer: str) -> Any:
    """What the CRM holds of a customer's attribute."""
    ids = {customer_id: key for key, customer_id in place.rows(MEASURE, "msdynci_customerid").items()}
    return place.rows(MEASURE, "msdynci_spent")[ids[customer]]

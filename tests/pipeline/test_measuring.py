"""Measures in whole runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.pipeline import PEOPLE, Place, statuses, task

if TYPE_CHECKING:
    from backstamp import runs

MORE = """\
activities: [{table: shop.purchase, type: Purchase, time: on, detail: [amount]}]
measures:
  Spent: {kind: attribute, of: shop.purchase, value: sum(amount)}
  Share: {kind: attribute, of: customers, value: "coalesce(Spent, 0) / 3"}
  Recent: {kind: customer, of: activities, value: count(*), where: time >= current_date - interval 4 month}
  ByAmount: {kind: customer, of: shop.purchase, values: {Number: count(*)}, dimensions: [amount]}
  Daily: {kind: attribute, of: shop.purchase, value: count(*), refresh: daily}
  Sales: {kind: business, of: shop.purchase, value: sum(amount)}
  Asleep: {kind: attribute, of: shop.purchase, value: max(amount), active: false}
"""


@pytest.fixture
def measured(place: Place) -> Place:
    """A project with all kinds of measures, after a run; a third of the purchases is of nobody."""

    def with_more(lines: list[str]) -> list[str]:
        plain = [line for line in lines if not line.startswith("measures:")]
        return [line.replace("amount: decimal}", "amount: decimal, on: time}") for line in plain] + [MORE]

    place.edit("backstamp.yaml", with_more)
    place.edit(
        "purchases.csv",
        lambda lines: ["id,memberid,amount,on\n", *(f"{line.strip()},2026-01-01\n" for line in lines[1:])],
    )
    place.edit("purchases.csv", lambda lines: [*lines, "900,nobody,7.00,2026-01-01\n"])
    ended = place.run()
    assert set(statuses(ended).values()) == {"Successful"}
    return place


def _row(place: Place, table: str, customer: str) -> dict[str, Any]:
    [found] = [row for row in place.published(table) if row["customer_id"] == customer]
    return found


def _told(run: runs.Run) -> dict[str, str]:
    return {one.name: one.details for one in run.tasks if one.group == "Measures"}


def test_every_kind(measured: Place) -> None:
    """Each kind has its table, all customers their row; an activity of nobody is counted and kept apart."""
    assert len(measured.published("measures")) == len(measured.published("measure_Recent")) == PEOPLE
    assert set(measured.published("measures")[0]) == {"customer_id", "Spent", "Share", "Daily"}
    assert len(measured.published("measure_ByAmount")) == 10
    assert measured.published("business_Sales")[0]["Sales"] == PEOPLE * 1.5 + 7
    assert [row["key"] for row in measured.published("activities_of_nobody")] == ["900"]
    activity = next(row for row in measured.published("activities") if row["key"] == "1")
    assert (activity["type"], activity["detail"], activity["title"]) == ("Purchase", "amount: 1.5", None)


def test_a_change_touches_few(measured: Place) -> None:
    """A purchase changes the measures of its customer alone; the ones that are not due keep their values."""
    owners = {row["key"]: row["customer_id"] for row in measured.published("members")}
    before = _row(measured, "measures", owners["m3"])
    measured.edit("purchases.csv", lambda lines: [*lines, "901,m3,6.00,2026-01-02\n", "902,none,1.00,2026-01-02\n"])
    ended = measured.run()
    told = _told(ended)
    assert told["Customer Attributes"] == "the customers that what changed can touch"
    assert task(ended, "Customer Attributes").rows == 1
    assert task(ended, "Activities").warnings == (
        "1 new or changed activities belong to no customer: see the table activities_of_nobody.",
    )
    after = _row(measured, "measures", owners["m3"])
    assert after == before | {"Spent": before["Spent"] + 6, "Share": before["Share"] + 2}
    assert _row(measured, "measures", owners["m4"])["Spent"] == 33
    full = measured.run(full=True)
    assert set(statuses(full).values()) == {"Successful"}
    assert _row(measured, "measures", owners["m3"]) == after | {"Daily": before["Daily"] + 1}
    assert _told(measured.run())["Customer Attributes"] == "nothing changed"


def test_customers_that_merge(measured: Place) -> None:
    """When two customers become one, all that they did is its own in the same run."""
    measured.edit("members.csv", lambda lines: [line.replace("P8@x", "P9@x") for line in lines])
    ended = measured.run()
    assert task(ended, "Merge").details != "nothing changed"
    assert _told(ended)["Customer Attributes"] == "the customers that what changed can touch"
    owners = {row["key"]: row["customer_id"] for row in measured.published("members")}
    assert owners["m8"] == owners["m9"]
    assert _row(measured, "measures", owners["m8"])["Spent"] == 66
    assert len(measured.published("measures")) == len(measured.published("measure_Recent")) == PEOPLE - 1


def test_measures_that_keep_their_values(measured: Place) -> None:
    """A measure whose table cannot be read keeps its values, and is calculated for all when the table is back."""
    before = [measured.published(name) for name in ("measures", "business_Sales", "measure_Recent")]
    purchases = (measured.folder / "purchases.csv").read_text()
    measured.edit("purchases.csv", lambda lines: lines[:1])
    ended = measured.run()
    assert statuses(ended)["Business Measures"] == "Skipped"
    warned = "shop.purchase could not be read, so these measures keep their values: Spent."
    assert task(ended, "Customer Attributes").warnings == (warned,)
    assert [measured.published(name) for name in ("measures", "business_Sales", "measure_Recent")] == before
    (measured.folder / "purchases.csv").write_text(purchases)
    assert _told(measured.run())["Customer Attributes"] == "all customers"
    assert [measured.published(name) for name in ("measures", "business_Sales", "measure_Recent")] == before

"""Unify and Measures in a real browser, and the numbers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.console.test_pages import sign_in

from backstamp import pipeline, runs

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.console import Served


def test_unify(page: Page, served: Served) -> None:
    """Rules stand in their order with the pairs that they found, and those that no other rule found."""
    sign_in(page, served, runs.Role.CONTRIBUTOR)
    page.get_by_role("link", name="Unify").click()
    places = page.get_by_role("region", name="Tables, the most trusted first").first.get_by_role("rowheader")
    assert places.all_inner_texts() == ["crm.contact", "crm.lead", "loyalty.member"]
    while page.get_by_role("link", name="Look again").count():
        page.reload()
    first = pipeline.count_rules(served.site.project)[0]
    row = page.get_by_role("row", name=first.rule).first.inner_text().split()
    assert row[-2:] == [str(first.links), str(first.alone)]
    assert first.links > 0


def test_measures(page: Page, served: Served) -> None:
    """Each measure tells what it is, of when it is and how its values are spread."""
    sign_in(page, served, runs.Role.CONTRIBUTOR)
    page.get_by_role("link", name="Measures").click()
    card = page.get_by_role("region", name="LifetimePurchases").first
    assert "sum(" in card.inner_text()
    assert "up to date" in card.inner_text()
    told = card.get_by_role("img").get_attribute("aria-label")
    assert told
    assert told.startswith("How LifetimePurchases is spread: 0 to")
    assert page.locator(".graph svg").count() == 1


def test_distributions(served: Served) -> None:
    """The parts of a distribution are all of its values, and follow each other from the least to the most."""
    found = {one.measure: one for one in pipeline.distributions(served.site.project)}
    for one in found.values():
        if one.is_scale:
            assert sum(part.amount for part in one.parts) == one.filled, one.measure
            assert [part.first for part in one.parts] == sorted(part.first for part in one.parts)
    assert {part.first for part in found["LoyaltyTier"].parts} == {"Bronze", "Silver", "Gold"}
    assert found["OpenCases"].parts[0].first == 0
    assert not found["SpentByTier"].is_scale
    assert {part.first for part in found["SpentByTier"].parts} >= {"Gold"}

"""What is said against the settings of measures before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from backstamp import measures
from backstamp.measures import Measure, Relationship

if TYPE_CHECKING:
    from backstamp import errors

TABLES: dict[str, dict[str, pa.DataType]] = {
    "crm.contact": {"contactid": pa.string(), "lastname": pa.string()},
    "shop.purchase": {
        "purchaseid": pa.int64(),
        "contactid": pa.string(),
        "purchasedon": pa.timestamp("us"),
        "amount": pa.decimal128(12, 2),
        "channel": pa.string(),
        "paid": pa.bool_(),
        "picture": pa.binary(),
    },
}
KEYS = {"crm.contact": "contactid", "shop.purchase": "purchaseid"}
LINK = Relationship("shop.purchase.contactid", "crm.contact.contactid")
VALUES = "Possible: sum(column), count(*), count(column), max(column) or min(column)."


def _problems(value: str = "count(*)", where: str | None = None, **others: Any) -> list[errors.Problem]:
    measure = Measure("attribute", others.get("of", "shop.purchase"), value, where)
    name = others.get("name", "Measure")
    definitions = measures.Definitions({name: measure}, others.get("links", [LINK]), (), ["crm.contact"])
    if unreadable := list(measures.contradictions(definitions)):
        return unreadable
    return measures.problems(definitions, TABLES, KEYS)


@pytest.mark.parametrize("value", ["count(*)", "sum(amount)", "MAX(purchasedon)", 'min("channel")', "count(picture)"])
def test_a_value_is_an_aggregate_of_a_column(value: str) -> None:
    """Sums, counts, and the largest and smallest value can be calculated; functions in any case."""
    assert _problems(value) == []


@pytest.mark.parametrize(
    "where",
    [
        "channel = 'web' and amount <= -12.5 and paid <> false and purchasedon >= '2026-01-31'",
        "(amount > 1e3 and purchasedon < date '2026-01-31') AND picture is null and channel is not null",
        None,
    ],
)
def test_a_condition_compares_columns_with_values(where: str | None) -> None:
    """Columns are compared with values of their own kind, or with null; AND joins conditions."""
    assert _problems(where=where) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("average(amount)", f"see character 1, `average(amount)`. {VALUES}"),
        ("sum(amount * 2)", f"see character 5, `amount * 2)`. {VALUES}"),
        ("sum(amount) + 1", f"see character 1, `sum(amount) + 1`. {VALUES}"),
        ("count(distinct channel)", f"see character 16, `channel)`. {VALUES}"),
        ("sum(amount); sum(amount)", f"see character 14, `sum(amount)`. {VALUES}"),
        ("", f"see character 1, `(nothing)`. {VALUES}"),
        ("max(on)", 'A column whose name means something in SQL goes in double quotes: "order".'),
        ("sum(*)", "see character 5, `*)`."),
        ("sum(amuont)", "There is no column of shop.purchase `amuont` (character 5). Did you mean `amount`?"),
        ("sum(channel)", "shop.purchase.channel is text (character 5): only numbers can be summed."),
        ("sum(purchaseid)", "shop.purchase.purchaseid is text (character 5): only numbers can be summed."),
        ("max(picture)", "is binary (character 5), which has no order: it can only be counted."),
    ],
)
def test_a_value_that_cannot_be_calculated(value: str, message: str) -> None:
    """What is no aggregate, or none that fits its column, is named with its place."""
    [problem] = _problems(value)
    assert problem.path == ("measures", "Measure", "value")
    assert message in problem.message


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("amount = 1 or amount = 2", "see character 1, `amount = 1 or amount = 2`. Possible: a column, one of = <>"),
        ("paid = true and 1 = amount", "see character 17, `1 = amount`"),
        ("amount = contactid", "see character 10, `contactid`"),
        ("channel = 'web", "see character 14, `b`"),
        ("amount = 1234567890.1234567890", "a number of at most 18 digits"),
        ("amount = 1e999999999", "a number of at most 18 digits"),
        ("amount = '12'", "shop.purchase.amount is number (character 1): compare it with a number, without quotes."),
        ("channel = 5", "shop.purchase.channel is text (character 1): compare it with a 'text' in single quotes."),
        ("purchasedon > 'yesterday'", "is time (character 1): compare it with a day, as 'YYYY-MM-DD'"),
        ("purchasedon > date '2026-02-30'", "see character 20, `'2026-02-30'`"),
        ("paid = 'yes'", "is boolean (character 1): compare it with true or false."),
        ("paid > false", "is boolean (character 1), which has no order: compare it with = or <>."),
        ("picture = 'x'", "is binary (character 1): it can only be compared by `is null` and `is not null`."),
        ("paid = true and chanel = 'web'", "`chanel` (character 17). Did you mean `channel`?"),
    ],
)
def test_a_condition_that_cannot_be_tested(where: str, message: str) -> None:
    """What is no comparison of a column with a value of its kind is named with its place."""
    [problem] = _problems(where=where)
    assert problem.path == ("measures", "Measure", "where")
    assert message in problem.message


@pytest.mark.parametrize(
    ("of", "links", "message"),
    [
        ("shop.purchases", [LINK], "There is no table `shop.purchases`. Did you mean `shop.purchase`?"),
        ("shop.purchase", [], "No relationship leads from shop.purchase to a unified table"),
        ("shop.purchase", [LINK, LINK], "2 relationships lead from shop.purchase to unified tables"),
    ],
)
def test_rows_belong_to_customers_by_one_relationship(of: str, links: list[Relationship], message: str) -> None:
    """A measure needs a table that is there, and one relationship from it to a unified table."""
    [problem] = _problems(of=of, links=links)
    assert problem.path == ("measures", "Measure", "of")
    assert message in problem.message


@pytest.mark.parametrize(
    ("ends", "end", "message"),
    [
        (("shop.order.contactid", LINK.to), "from", "There is no table `shop.order`. Did you mean `shop.purchase`?"),
        (("shop.purchase.contact", LINK.to), "from", "no column of shop.purchase `contact`. Did you mean `contactid`?"),
        (("shop.purchase.amount", LINK.to), "from", "is decimal128(12, 2): a key is text or a whole number."),
        ((LINK.from_, "contact"), "to", "There is no table `contact`. Did you mean `crm.contact`?"),
        ((LINK.from_, "crm.contact.lastname"), "to", "is not the key of a unified table"),
        ((LINK.from_, "shop.purchase.purchaseid"), "to", "Possible: crm.contact.contactid."),
    ],
)
def test_a_relationship_ends_in_the_key_of_a_unified_table(ends: tuple[str, str], end: str, message: str) -> None:
    """Both ends are there, and the far one is the key of a unified table."""
    definitions = measures.Definitions({}, [Relationship(*ends)], (), ["crm.contact"])
    [problem] = measures.problems(definitions, TABLES, KEYS)
    assert problem.path == ("relationships", 0, end)
    assert message in problem.message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Open cases", "'Open cases' is no name for a measure"),
        ("Customer_Id", "'Customer_Id' names two columns of the measures' table"),
    ],
)
def test_a_measure_names_a_column(name: str, message: str) -> None:
    """The name of a measure is one for a column, and not taken."""
    [problem] = _problems(name=name)
    assert problem.path == ("measures", name)
    assert message in problem.message


def test_the_columns_that_are_used() -> None:
    """Of a table are used the columns of its measures' values and conditions, and the ends of relationships."""
    found = {
        "Web": Measure("attribute", "shop.purchase", "sum(amount)", "channel = 'web' and paid = true"),
        "All": Measure("attribute", "shop.purchase", "count(*)"),
    }
    used = {"contactid", "amount", "channel", "paid"}
    assert measures.columns_of(found, [LINK], "shop.purchase") == used
    assert measures.columns_of(found, [LINK], "crm.contact") == {"contactid"}
    assert measures.columns_of(found, [LINK], "loyalty.member") == set()

"""What is said against the settings of measures before a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from backstamp import errors, measures
from backstamp.measures import Activity, Insight, Measure, Relationship, relationships

if TYPE_CHECKING:
    from collections.abc import Sequence

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
OTHER = Relationship("shop.purchase.channel", "crm.contact.contactid")
SCORED: dict[str, dict[str, pa.DataType]] = {
    "analytics.score": {
        "contactid": pa.string(),
        "model": pa.string(),
        "score": pa.float64(),
        "scoredon": pa.timestamp("us"),
    }
}
VALUES = "Possible: sum, avg, count, count(distinct …), min, max, first(column, time)"


def _problems(value: str = "count(*)", where: str | None = None, **others: Any) -> list[errors.Problem]:
    measure = Measure("attribute", others.get("of", "shop.purchase"), value, where)
    name = others.get("name", "Measure")
    definitions = measures.Definitions({name: measure}, others.get("links", [LINK]), (), ["crm.contact"])
    if unreadable := list(measures.contradictions(definitions)):
        return unreadable
    return measures.problems(definitions, TABLES, KEYS)


@pytest.mark.parametrize(
    "value",
    [
        "count(*)",
        "sum(amount)",
        "MAX(purchasedon)",
        'min("channel")',
        "count(picture)",
        "average(amount * 2) / nullif(count(distinct channel), 0) - 1",
        "sum(amount) filter (where paid and channel <> 'web')",
        "arg_max(channel, amount)",
        "coalesce(last(channel, purchasedon), 'none')",
        "date_diff('month', min(purchasedon), current_timestamp)",
        "count(distinct crm.contact.lastname)",
        "count(customer_id)",
    ],
)
def test_a_value_is_an_aggregate_of_a_column(value: str) -> None:
    """Aggregates and what is made of them can be calculated; functions in any case."""
    assert _problems(value) == []


@pytest.mark.parametrize(
    "where",
    [
        "channel = 'web' and amount <= -12.5 and paid <> false and purchasedon >= '2026-01-31'",
        "(amount > 1e3 and purchasedon < date '2026-01-31') AND picture is null and channel is not null",
        "amount = 1 or not (1 < amount) or amount not between 2 and 3",
        "channel in ('web', 'store') and channel not like 'w%'",
        "purchasedon >= current_date - interval 4 month + interval '2' days and amount * 2 > 5",
        "date_trunc('month', purchasedon) = date_trunc('month', current_timestamp)",
        "crm.contact.lastname = 'Moss'",
        None,
    ],
)
def test_a_condition_compares_columns_with_values(where: str | None) -> None:
    """Columns are compared with values of their own kind, or with null; AND joins conditions."""
    assert _problems(where=where) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("median(amount)", f"see character 1, `median(amount)`. {VALUES}"),
        ("sum(amount) over (order by channel)", f"see character 1, `sum(amount) over (order by channel)`. {VALUES}"),
        ("sum(sum(amount))", "see character 5, `sum(amount))`."),
        ("sum(amount, channel)", "see character 20, `)`."),
        ("amount + 1", "shop.purchase.amount (character 1) is of one row: say which of them, as in `max(amount)`"),
        ("1 + 2", "There are many rows, and nothing says what is made of them: sum, count, max …"),
        ("sum(amount) + max(channel)", "`max` gives is text (character 15): `+` is for numbers."),
        (
            "first(channel, amount)",
            "shop.purchase.amount is number (character 16): first and last go by a date or a time.",
        ),
        ("last(channel)", "see character 1, `last(channel)`."),
        ("arg_max(amount, picture)", "shop.purchase.picture is binary (character 17), which has no order."),
        ("count(distinct picture)", "shop.purchase.picture is binary (character 16): it can only be counted."),
        ("sum(amount) filter (where channel)", "shop.purchase.channel (character 27) is no condition"),
        (
            "coalesce(max(channel), 0)",
            "This is number (character 24), What `max` gives is text: `coalesce` is of one kind.",
        ),
        ("date_diff('decade', max(purchasedon), current_date)", "Units are: day, week, month, year."),
        ("date_diff('day', max(amount), current_date)", "is number (character 18): `date_diff` is of dates and times."),
        ("max(purchasedon) - interval 1 day", "An interval is added to current_date or current_timestamp."),
        ("max(crm.contact.lastname2)", "There is no column of crm.contact `lastname2` (character 5). Did you mean"),
        ("max(crm.lead.lastname)", "`crm.lead` (character 5) is not on the way from shop.purchase to the customers."),
        ("sum(amount); sum(amount)", "see character 14, `sum(amount)`."),
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
        (
            "amount = 1 xor amount = 2",
            "see character 12, `xor amount = 2`. Possible: columns, 'texts', numbers",
        ),
        ("sum(amount) > 1", "see character 1, `sum(amount) > 1`. Possible"),
        ("amount = contactid", "is number (character 1), shop.purchase.contactid is text (character 10)"),
        ("amount in (1, 'x')", "shop.purchase.amount is number (character 1): compare it with a number"),
        ("amount in (select 1)", "see character 1, `amount in (select 1)`."),
        ("amount like 'x%'", "shop.purchase.amount is number (character 1): `like` is for texts."),
        ("channel like '50\\%'", "The pattern (character 14) has a \\"),
        ("not channel", "shop.purchase.channel is text (character 5): `not` is for conditions."),
        ("amount between 1 and 'x'", "shop.purchase.amount is number (character 1): compare it with a number"),
        (
            "purchasedon > current_date - interval 1 hour",
            "a whole number up to 9999 and a unit: day, week, month, year.",
        ),
        ("purchasedon > current_date - 1", "current_date is date (character 30): `-` is for numbers."),
        ("channel = 'web", "see character 14, `b`"),
        ("amount = 1234567890.1234567890", "numbers of at most 18 digits"),
        ("amount = 1e999999999", "numbers of at most 18 digits"),
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
        (
            "shop.purchase",
            [LINK, OTHER],
            "Several ways lead from shop.purchase to unified tables: shop.purchase.contactid →",
        ),
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
        ((LINK.from_, "crm.contact.lastname"), "to", "is not the key of a table"),
        ((LINK.from_, "crm.contact.lastname"), "to", "Possible: crm.contact.contactid."),
        ((LINK.from_, "shop.purchase.purchaseid"), "to", "in a circle: shop.purchase.contactid → shop.purchase."),
    ],
)
def test_a_relationship_ends_in_the_key_of_a_table(ends: tuple[str, str], end: str, message: str) -> None:
    """Both ends are there, the far one is the key of a table, and no way leads back to where it began."""
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
        "Names": Measure("attribute", "shop.purchase", "count(distinct crm.contact.lastname)"),
    }
    happened = [Activity("shop.purchase", "Purchase", "purchasedon", detail=("picture",))]
    definitions = measures.Definitions(found, [LINK], happened, ["crm.contact"])
    used = {"contactid", "amount", "channel", "paid", "purchasedon", "picture"}
    assert measures.columns_of(definitions, "shop.purchase") == used
    assert measures.columns_of(definitions, "crm.contact") == {"contactid", "lastname"}
    assert measures.columns_of(definitions, "loyalty.member") == set()


def _told(definitions: measures.Definitions) -> list[str]:
    """Return what is said against definitions."""
    found = list(measures.contradictions(definitions)) or measures.problems(definitions, TABLES, KEYS)
    return [".".join(map(str, problem.path)) + ": " + problem.message for problem in found]


def _said(said: dict[str, Measure], activities: Sequence[Activity] = (), zone: str = "UTC") -> list[str]:
    return _told(measures.Definitions(said, [LINK, OTHER], activities, ["crm.contact"], zone))


THROUGH = "shop.purchase.contactid"
TOTAL = Measure("attribute", "shop.purchase", "sum(amount)", through=THROUGH)


def test_the_file_chooses_between_several_ways() -> None:
    """Foreign keys under `through` choose the way; one that is none, or is not on it, is told."""
    assert _said({"Total": TOTAL}) == []
    [unknown] = _said({"Total": replace(TOTAL, through="shop.purchase.contact")})
    assert unknown.startswith("measures.Total.through: There is no relationship from `shop.purchase.contact`. Did you")
    [both] = _said({"Total": replace(TOTAL, through=(THROUGH, "shop.purchase.channel"))})
    assert "Several ways lead from shop.purchase to unified tables" in both
    [elsewhere] = _said({"Total": Measure("attribute", "crm.contact", "count(*)", through=THROUGH)})
    assert "shop.purchase.contactid is not on the way from crm.contact to the customers" in elsewhere


def test_a_measure_of_measures() -> None:
    """Attributes can be made of attributes in any order, not in a circle, and not of one that is not active."""
    double, sum_up = Measure("attribute", "customers", "Total * 2"), Measure("business", "customers", "sum(Double)")
    assert _said({"All": sum_up, "Double": double, "Total": TOTAL}) == []
    one, other = Measure("attribute", "customers", "Other + 1"), Measure("attribute", "customers", "One + 1")
    circles = _said({"One": one, "Other": other})
    assert circles[0] == "measures.One.of: Attributes are made of each other in a circle: One → Other → One."
    assert len(circles) == 2
    [missing] = _said({"Double": double})
    assert missing == "measures.Double.of: There is no attribute `Total`. There are: Double."
    [asleep] = _said({"Double": double, "Total": replace(TOTAL, active=False)})
    assert asleep == "measures.Double.of: `Total` is not active, and `Double` is made of it."
    [text] = _said({"Name": replace(TOTAL, value="max(channel)"), "Double": replace(double, value="Name * 2")})
    assert text == "measures.Double.value: customers.Name is text (character 1): `*` is for numbers."
    [many] = _said({"Total": TOTAL, "Double": replace(double, value="sum(Total)")})
    assert "`sum` (character 1) is of many rows" in many


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (replace(TOTAL, value=None), "`M` has a `value` or `values`, and here are neither: add `value`."),
        (replace(TOTAL, values={"A": "count(*)"}), "and here are both: leave one out."),
        (replace(TOTAL, value=None, values={"A": "count(*)"}), "An attribute is one `value`"),
        (replace(TOTAL, dimensions=("channel",)), "There is one value for each customer: `dimensions` split"),
        (Measure("attribute", "customers", "1", "true"), "There is one row for each customer: leave `where` out."),
        (replace(TOTAL, of="activities"), "leave `through` out, or say it under `activities`."),
        (Measure("attribute", "activities", "count(*)"), "There are no `activities` in the project file: add them."),
        (replace(TOTAL, kind="customer", dimensions=("paid or paid",)), "It has no name: write `… as name`."),
        (replace(TOTAL, kind="customer", dimensions=("picture",)), "It is binary: a measure is split by text, numbers"),
        (replace(TOTAL, kind="customer", dimensions=("channel as m",)), "'m' names two columns of the table of M"),
        (replace(TOTAL, columns={"amount": "amount"}), "`columns` are those of a `template`"),
        (replace(TOTAL, template="total_value"), "A `template` writes the value itself"),
        (replace(TOTAL, value=None, template="total_value"), "`total_value` needs columns: {amount: …}."),
    ],
)
def test_settings_that_do_not_go_together(measure: Measure, message: str) -> None:
    """What a measure says besides its value is told where it means nothing or is missing."""
    assert message in _said({"M": measure})[0]


def test_an_activity_that_does_not_fit() -> None:
    """An activity has a date or time, columns that are there, and one way to the customers; a zone has a known name."""
    fine = Activity("shop.purchase", "Purchase", "purchasedon", "channel", ("amount",), THROUGH)
    assert _said({"M": Measure("attribute", "activities", "last(title, time)")}, [fine], "Europe/Berlin") == []
    found = _said({}, [replace(fine, time="amount", title="chanel", through=())])
    assert found[0] == "activities.0.title: There is no column of shop.purchase `chanel`. Did you mean `channel`?"
    assert found[1].endswith("shop.purchase.amount is number: an activity has a date or a time.")
    assert found[2].startswith("activities.0.table: Several ways lead from shop.purchase to unified tables")
    [zone] = _said({}, [], "Berlin")
    assert zone == "time_zone: `Berlin` is no time zone. Write one as `UTC` or `Europe/Berlin`."


def test_ways_have_up_to_twenty_steps() -> None:
    """A way of 20 relationships leads to the customers, one of 21 does not."""

    def links(steps: int) -> list[Relationship]:
        return [Relationship(f"a.t{step}.up", f"a.t{step + 1}.id") for step in range(steps)]

    assert len(relationships.way("a.t0", links(20), ["a.t20"])) == 20
    with pytest.raises(errors.ConfigurationError, match="No relationship leads"):
        relationships.way("a.t0", links(21), ["a.t21"])


def test_one_to_one_goes_both_ways() -> None:
    """A relationship of one to one also leads from the table with the key to the one that refers to it."""
    link = Relationship("crm.contact.cardid", "shop.card.cardid", "one_to_one")
    assert relationships.words(relationships.way("shop.card", [link], ["crm.contact"])) == (
        "shop.card.cardid → crm.contact.cardid"
    )


def test_the_ways_are_drawn() -> None:
    """The graph tells every table and foreign key, as text and as SVG that is well formed."""
    definitions = measures.Definitions({}, [LINK], (), ["crm.contact"])
    assert measures.text(definitions) == ["customer", "└─ crm.contact", "   └─ shop.purchase by contactid"]
    words = [element.text for element in ET.fromstring(measures.svg(definitions)).iter()]  # noqa: S314 - our own
    assert {"customer", "crm.contact", "shop.purchase", "contactid"} <= set(words)


@pytest.mark.parametrize("written", ["-1", "much", "1 % or so", "nan"])
def test_no_dead_band(written: str) -> None:
    """A dead-band is a number or a percentage."""
    measure = Measure("attribute", "shop.purchase", "sum(amount)", dead_band=written)
    [problem] = measures.contradictions(measures.Definitions({"Spent": measure}))
    assert problem.path == ("measures", "Spent", "dead_band")


@pytest.mark.parametrize(
    ("said", "place", "words"),
    [
        (
            {"table": "analytics.scores"},
            "table",
            "There is no table `analytics.scores`. Did you mean `analytics.score`?",
        ),
        ({"score": "points"}, "score", "There is no column of analytics.score `points`."),
        ({"time": "model"}, "time", "analytics.score.model is text: a score has a date or a time."),
        ({"name": "score"}, "name", "analytics.score.score is number: insights are told apart by a text."),
        ({"through": "shop.purchase.contactid"}, "through", "is not on the way from analytics.score"),
        ({"dead_band": "much"}, "dead_band", "A dead-band is a number from 0 on"),
    ],
)
def test_an_insight_that_cannot_be(said: dict[str, Any], place: str, words: str) -> None:
    """What is wrong with an insight is said at its place under `insights`."""
    insight = Insight(**{"table": "analytics.score", "score": "score", "time": "scoredon"} | said)
    links = [LINK, Relationship("analytics.score.contactid", "crm.contact.contactid")]
    named = {"Risk": insight}
    definitions = measures.Definitions(
        {"Risk": measures.of_insight("Risk", insight)}, links, (), ["crm.contact"], insights=named
    )
    tables = TABLES | SCORED
    found = list(measures.contradictions(definitions)) or measures.problems(definitions, tables, KEYS)
    [problem] = found
    assert problem.path == ("insights", "Risk", place)
    assert words in problem.message

"""What a run comes to when all is well, and when it is not."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests import databases
from tests.link import meddling
from tests.pipeline import (
    CONTACTS,
    HYDRATION,
    KEYS,
    LINKS,
    MEASURE,
    PEOPLE,
    PROFILE,
    Place,
    guid,
    serving,
    statuses,
    task,
)

from backstamp import errors, pipeline, runs
from backstamp.connect import dataverse
from backstamp.unify import explain

if TYPE_CHECKING:
    from pathlib import Path

UNIFICATION = ("Normalize", "Deduplicate", "Match", "Identify", "Merge")


def test_what_was_linked(place: Place) -> None:
    """Each contact has its profile, duplicates the same one; the environment holds every profile, key and measure."""
    links = place.links()
    assert links[guid(1)] == links[guid(CONTACTS)]
    assert len(set(links.values())) == CONTACTS - 1
    spent = place.rows(MEASURE, "msdynci_spent")
    points = place.rows(PROFILE, "msdynci_points")
    assert len(points) == len(spent) == PEOPLE
    assert len(place.rows(KEYS, "msdynci_customerid")) == PEOPLE + CONTACTS
    assert points[str(links[guid(2)])] == 2
    assert spent[str(links[guid(2)])] == pytest.approx(1.5 * PEOPLE / 10)


def test_nothing_changed(place: Place) -> None:
    """A run without any change reads no row and writes none."""
    before = place.environment.traffic.writes
    run = place.run()
    assert set(statuses(run).values()) == {"Successful"}
    assert place.environment.traffic.writes == before
    assert [task.rows for task in run.tasks if task.group in {"Data Sources", HYDRATION}] == [0] * 9
    assert run.warnings == 0


def test_how_much_is_unified(place: Place) -> None:
    """A change touches the rows that hang together with it, and the run says so; where it looks at all it says why."""

    def normalized(*, full: bool = False) -> tuple[int | None, str]:
        told = task(place.run(full=full), "Normalize")
        return told.rows, told.details

    rows = place.published("records")
    place.edit("members.csv", lambda lines: [*lines[:-1], lines[-1].replace("@", "@new.")])
    touched, why = normalized()
    assert touched is not None
    assert 1 <= touched < 10 < len(rows)
    assert why == "the rows that what changed can touch"
    assert normalized(full=True) == (len(rows), "all rows: that was asked for")
    place.edit("backstamp.yaml", lambda lines: [line.replace("lowercase", "symbols") for line in lines])
    assert normalized() == (len(rows), "all rows: settings of unification, lists of values or backstamp changed")


def test_rows_that_a_filter_keeps_out(place: Place) -> None:
    """A row that a filter keeps out before and after a change touches nobody; one that it lets in is unified."""
    place.edit(
        "backstamp.yaml",
        lambda lines: [x.replace("key: memberid,", "key: memberid, where: {points: 5},") for x in lines],
    )
    assert str(place.run().status) == "Successful"
    before = place.published("members")
    assert [row["key"] for row in before if row["table"] == "loyalty.member"] == ["m5"]
    place.edit("members.csv", lambda lines: [line.replace("P7@x", "P8@x") for line in lines])
    assert task(place.run(), "Normalize").rows == 0
    assert place.published("members") == before
    place.edit("members.csv", lambda lines: [line.replace("m7,P8@x,7", "m7,P3@x,5") for line in lines])
    place.run()
    owners = {row["key"]: row["customer_id"] for row in place.published("members")}
    assert owners["m7"] == owners[guid(3)]


def test_unification_only_where_something_changed(untouched: Path, tmp_path: Path) -> None:
    """Neither our own stamps nor a column that nobody uses are a change; values, lists, rules and `--full` are."""
    folder = shutil.copytree(untouched, tmp_path / "own")
    with serving(folder) as place, dataverse.Dataverse(place.url, lambda: "theirs") as person:

        def unifies(*, full: bool = False) -> bool:
            run = place.run(full=full)
            assert set(statuses(run).values()) == {"Successful"}
            return task(run, "Merge").details != "nothing changed"

        def write(**values: str) -> None:
            person.upsert("contact", pa.RecordBatch.from_pylist([{"contactid": guid(1), **values}]))

        assert unifies()
        ids = place.published("ids")
        assert not unifies()
        write(jobtitle="nobody asks")
        assert not unifies()
        assert place.published("ids") == ids
        write(emailaddress1="other@x")
        assert unifies()
        assert unifies(full=True)
        (folder / "junk.csv").write_text("value\np2@x\n")
        lowercase = "normalize: [lowercase]"
        place.edit(
            "backstamp.yaml", lambda lines: [x.replace(lowercase, f"{lowercase}, bypass: junk.csv") for x in lines]
        )
        assert unifies()
        assert not unifies()
        (folder / "junk.csv").write_text("value\np3@x\n")
        assert unifies()


def test_a_rule_without_an_exact_condition(place: Place) -> None:
    """While nothing changes nothing is unified or written; as soon as a row does, all are, and the run says why."""
    exact, similar = "normalize: [lowercase]", "normalize: [lowercase], precision: high"
    place.edit("backstamp.yaml", lambda lines: [line.replace(exact, similar) for line in lines])
    assert task(place.run(), "Normalize").details.startswith("all rows: settings of unification")
    before, writes = place.published("members"), place.environment.traffic.writes
    idle = place.run()
    assert {task(idle, name).details for name in UNIFICATION} == {"nothing changed"}
    assert (place.published("members"), place.environment.traffic.writes) == (before, writes)
    place.edit("members.csv", lambda lines: [line.replace("P7@x", "P7@other.example") for line in lines])
    assert task(place.run(), "Normalize").details == "all rows: the rule Email (from match) has no exact condition"


def test_clusters(place: Place) -> None:
    """A project with clusters has one more stage; their ids stay, and are written like any other value of a profile."""
    cluster = "  clusters: [{name: tier, rules: [{name: Points, match: [{column: Points}]}]}]\n"
    place.edit("backstamp.yaml", lambda lines: [cluster + line if line == "  match:\n" else line for line in lines])
    place.edit("members.csv", lambda lines: [line.replace("P3@x,3", "P3@x,2") for line in lines])
    assert statuses(place.run())["Cluster"] == "Successful"
    tiers, links = place.rows(PROFILE, "msdynci_tier_id"), place.links()
    assert tiers[str(links[guid(2)])] == tiers[str(links[guid(3)])] is not None
    assert tiers[str(links[guid(4)])] is None
    customer = pipeline.customer(place.settings, explain.Row("crm.contact", guid(2)))
    assert customer is not None
    [tier] = customer.clusters
    assert tier.members == {links[guid(2)]: "p2@x", links[guid(3)]: "p3@x"}
    place.run(full=True)
    assert place.rows(PROFILE, "msdynci_tier_id") == tiers


def test_half_of_a_source_is_missing(place: Place) -> None:
    """The source is Failed, all after it Skipped, warehouse and tokens stay; once accepted, the loss is believed."""
    tables = ("feeds", "members", "source_loyalty_member", "source_crm_contact", "profiles")
    before = [place.published(name) for name in tables]
    place.edit("members.csv", lambda lines: lines[: PEOPLE // 2 + 1])
    failed = place.run()
    assert failed.status == "Failed"
    assert statuses(failed) | dict.fromkeys(UNIFICATION, "Skipped") == statuses(failed)
    assert {str(task.status) for task in failed.tasks if task.group in {"Measures", HYDRATION}} == {"Skipped"}
    assert f"lacks {PEOPLE // 2} of the {PEOPLE} rows" in task(failed, "loyalty.member").details
    assert [place.published(name) for name in tables] == before
    accepted = place.run(accept_loss=["loyalty"])
    assert set(statuses(accepted).values()) == {"Successful"}
    assert len(place.published("profiles")) == len(place.rows(PROFILE, "msdynci_points")) == PEOPLE // 2


def test_the_source_of_a_measure_is_missing(place: Place) -> None:
    """Only the measure is Skipped and keeps its values, until the loss is accepted; what else changed is written."""
    spent = place.rows(MEASURE, "msdynci_spent")
    place.edit("purchases.csv", lambda lines: lines[:1])
    place.edit("members.csv", lambda lines: [*lines, "new,new@x,7\n"])
    ended = statuses(place.run())
    assert (ended["shop.purchase"], ended["Customer Attributes"]) == ("Failed", "Skipped")
    assert {ended[name] for name in (*UNIFICATION, LINKS, "loyalty.member")} == {"Successful"}
    assert place.rows(MEASURE, "msdynci_spent") == spent
    assert len(place.rows(PROFILE, "msdynci_points")) == PEOPLE + 1
    assert len(place.published("source_shop_purchase")) == PEOPLE
    assert statuses(place.run())["shop.purchase"] == "Failed"


def test_an_expired_feed(copy: Path) -> None:
    """A table whose feed has expired is read in full, with a note; no CustomerId changes and nothing is written."""
    with serving(copy, delta_days=0) as place:
        before = place.published("members")
        run = place.run()
        assert set(statuses(run).values()) == {"Successful"}
        read = task(run, "crm.contact")
        assert read.rows == CONTACTS
        assert f"{CONTACTS} rows, all of them: " in read.details
        assert place.published("members") == before
        assert place.environment.traffic.writes == 0


class ReadsTogether(meddling.Meddling):
    """Gives no page of a table before both are asked for."""

    def __init__(self, sink: Any) -> None:
        super().__init__(sink)
        self._both = threading.Barrier(2, timeout=300)

    def read(self, *arguments: Any) -> Any:
        """Wait for the other table, then read."""
        self._both.wait()
        return self._sink.read(*arguments)


def test_tables_side_by_side(place: Place) -> None:
    """The tables of an environment are read at the same time."""

    def with_accounts(lines: list[str]) -> list[str]:
        text = "".join(lines).replace("tables: [contact]", "tables: [contact, account]")
        accounts = "    - {table: crm.account, key: accountid, include_all: true}\n"
        return [text.replace("  match:\n", f"{accounts}  match:\n")]

    place.edit("backstamp.yaml", with_accounts)
    run = place.run(ReadsTogether)
    assert set(statuses(run).values()) == {"Successful"}
    assert [(one.name, one.rows) for one in run.tasks[:2]] == [("crm.contact", 0), ("crm.account", 0)]
    assert not (place.settings.state / "ahead").exists()


def test_ledger_on_postgresql(
    place: Place, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project whose ledger moves to PostgreSQL goes on there, and sends nothing anew."""
    with databases.empty("postgresql", tmp_path_factory) as url:
        monkeypatch.setenv("BACKSTAMP_TEST_LEDGER", url)
        place.edit("backstamp.yaml", lambda lines: [*lines, 'ledger: {url: "${BACKSTAMP_TEST_LEDGER}"}\n'])
        before = place.environment.traffic.rows_written
        run = place.run()
        assert set(statuses(run).values()) == {"Successful"}
        assert place.environment.traffic.rows_written == before
        assert place.is_whole()


class CancelsWhileContactsAreRead(meddling.Meddling):
    """Somebody cancels the run as its first source is read."""

    def __init__(self, sink: Any, place: Place) -> None:
        super().__init__(sink)
        self._place = place

    def read(self, *arguments: Any) -> Any:
        """Cancel, then read."""
        with runs.Ledger(self._place.settings.ledger_location) as ledger:
            ledger.request_cancel(3, "Ada")
        return self._sink.read(*arguments)


def test_canceled_while_reading(place: Place) -> None:
    """A cancel is seen at the next page; nothing after it begins or is published; the links task is Skipped."""
    before, links = place.published("feeds"), place.links()
    place.edit("members.csv", lambda lines: lines[:-1])
    run = place.run(lambda sink: CancelsWhileContactsAreRead(sink, place))
    ended = statuses(run)
    assert str(run.status) == "Canceled"
    assert ended.pop(LINKS) == "Skipped"
    assert set(ended.values()) == {"Canceled"}
    assert place.published("feeds") == before
    assert place.links() == links
    assert str(place.run().status) == "Successful"
    assert len(place.published("profiles")) == PEOPLE - 1


def test_rows_and_values_that_cannot_be_used(place: Place) -> None:
    """They are set apart with reasons, the run goes on with warnings, and rows with bad values stay rows."""
    bad = [",nobody@x,1\n", "m1,other@x,2\n", "odd,odd@x,many\n", "short,row\n"]
    place.edit("members.csv", lambda lines: [*lines, *bad])
    run = place.run()
    assert set(statuses(run).values()) == {"Successful"}
    assert run.warnings
    assert any("loyalty_member_corrupt" in warning for warning in task(run, "loyalty.member").warnings)
    listed = {(row["place"], row["column"]) for row in place.published("loyalty_member_corrupt")}
    assert listed == {
        (str(PEOPLE + 1), "memberid"),
        ("m1", "memberid"),
        ("odd", "points"),
        (f"members.csv:{PEOPLE + 5}", ""),
    }
    assert len(place.published("profiles")) == PEOPLE + 1
    texts = " ".join(warning for one in run.tasks for warning in (*one.warnings, one.details))
    assert not any(value in texts for value in ("nobody", "many", "odd"))


def test_a_source_fails_in_the_middle(place: Place) -> None:
    """An error on a later page of a source fails its task, with its own words; the run before stays."""
    before = place.published("feeds")
    run = place.run(FailsOnTheSecondPage)
    assert (run.status, statuses(run)["crm.contact"]) == ("Failed", "Failed")
    assert task(run, "crm.contact").details == "The environment does not answer."
    assert place.published("feeds") == before


class FailsOnTheSecondPage(meddling.Meddling):
    """The environment breaks down after the first page of rows."""

    def read(self, *arguments: Any) -> Any:
        """Give a page, then none."""
        yield next(self._sink.read(*arguments))
        raise errors.TransientError("The environment does not answer.")

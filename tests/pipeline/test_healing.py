"""What a run does when warehouse, ledger, project file or CRM are not as the run before left them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.link import meddling
from tests.pipeline import CONTACTS, KEYS, LINKS, MEASURE, PEOPLE, PROFILE, guid, serving, statuses, task

from backstamp import engine, link, pipeline
from backstamp.connect import dataverse
from backstamp.runs import TaskStatus
from backstamp.unify import history

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline import Place

MEMBERS = "    - {table: loyalty.member, key: memberid, include_all: true, types: {email: Identity.Service.Email}}\n"


def edit(place: Place, *pairs: tuple[str, str]) -> None:
    """Change the project file."""
    file = place.folder / "backstamp.yaml"
    text = file.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def test_a_table_that_left_the_project(place: Place) -> None:
    """Its customers are not believed to be gone until that is accepted by name."""
    before = place.published("members")
    edit(
        place,
        (MEMBERS, ""),
        ("[loyalty.member, crm.contact]", "[crm.contact, crm.contact]"),
        ("  match:\n    - between: [crm.contact, crm.contact]\n", ""),
        ("      rules: [{name: Email, match: [{columns: [email, emailaddress1], normalize: [lowercase]}]}]\n", ""),
        ("  profile:\n    columns: {Points: {from: [loyalty.member.points]}}\n", ""),
        ("relationships: [{from: shop.purchase.memberid, to: loyalty.member.memberid}]\n", ""),
        ("measures: {Spent: {kind: attribute, of: shop.purchase, value: sum(amount)}}\n", ""),
    )
    refused = place.run()
    assert str(refused.status) == "Failed"
    assert "--accept-loss loyalty.member" in refused.details
    assert place.published("members") == before
    accepted = place.run(accept_loss=["loyalty.member"])
    assert str(accepted.status) == "Successful"
    assert len(place.rows(PROFILE, "msdynci_customerid")) < PEOPLE


@pytest.mark.parametrize("lost", [engine.WAREHOUSE, ""])
def test_a_lost_warehouse(place: Place, lost: str) -> None:
    """Without warehouse, or without the whole folder of state, no CustomerId changes and nothing is written again."""
    before, state = place.published("ids"), place.folder / ".backstamp" / lost
    shutil.rmtree(state) if state.is_dir() else state.unlink()
    writes = place.environment.traffic.writes
    found = place.run()
    assert str(found.status) == "Successful"
    assert "CustomerIds are those of the CRM" in task(found, "CustomerIds of the CRM").warnings[0]
    assert place.published("ids") == before
    assert place.environment.traffic.writes == writes
    assert place.is_whole()


def test_what_is_lost_is_restored(place: Place) -> None:
    """Ids that vanished before the warehouse was lost, and clusters, go on as before; run numbers do too."""
    one, other = (place.links()[guid(number)] for number in (2, 3))
    cluster = "  clusters: [{name: tier, rules: [{name: Points, match: [{column: Points}]}]}]\n"
    place.edit("backstamp.yaml", lambda lines: [cluster + line if line == "  match:\n" else line for line in lines])
    joined = [{"contactid": guid(3), "emailaddress1": "p2@x"}]
    with dataverse.Dataverse(place.url, lambda: "theirs") as person:
        person.upsert("contact", pa.RecordBatch.from_pylist(joined))
    place.edit("members.csv", lambda lines: [line.replace("P3@x,3", "P2@x,2") for line in lines])
    assert place.run().number == 3
    (vanished,) = {one, other} - set(place.rows(PROFILE, "msdynci_customerid"))
    kept = [place.published(name) for name in ("ids", "previous_ids", "members")]
    shutil.rmtree(place.folder / ".backstamp")
    assert place.run().number == 2  # larger than that of any run that made an id which is there
    assert [place.published(name) for name in ("ids", "previous_ids", "members")] == kept
    resolved = pipeline.resolve(place.folder / ".backstamp", str(vanished))
    assert (resolved.state, set(resolved.customer_ids)) == ("replaced", {one, other} - {vanished})


def test_killed_before_the_id_history_was_written(place: Place) -> None:
    """What a run published and had no time to write beside the ledger, the next one writes."""
    state = place.folder / ".backstamp"
    known = str(place.links()[guid(2)])
    shutil.rmtree(state / "ids")
    with engine.open_warehouse(state) as warehouse:
        changes = history.begun(warehouse.table("ids"), 1)
        warehouse.keep("id_changes", changes)
        warehouse.publish()
    place.run()
    assert pipeline.resolve(state, known) == pipeline.Resolved(known, "current", (known,), 1, "new")


def test_new_ids(place: Place) -> None:
    """Asked for, all ids are made anew, and nothing of the old ones stays: they resolve to nobody."""
    old = set(place.rows(PROFILE, "msdynci_customerid"))
    shutil.rmtree(place.folder / ".backstamp")
    assert str(place.run(new_ids=True).status) == "Successful"
    assert not old & set(place.rows(PROFILE, "msdynci_customerid"))
    assert place.is_whole()


def test_profiles_without_keys(place: Place) -> None:
    """Where the CRM does not tell whose its profiles are, the run stops and says what can be done."""
    (place.folder / ".backstamp" / engine.WAREHOUSE).unlink()
    refused = place.run(lambda sink: meddling.Without(sink, KEYS))
    assert str(refused.status) == "Failed"
    assert "--new-ids" in refused.details


def test_a_lost_ledger(place: Place) -> None:
    """A new journal is believed from its first entry on: what was written once is not written again."""
    for file in (place.folder / ".backstamp").glob("ledger*"):
        file.unlink()
    place.edit("members.csv", lambda lines: [*lines, "new,new@x,7\n"])
    assert str(place.run().status) == "Successful"
    writes = place.environment.traffic.writes
    assert str(place.run().status) == "Successful"
    assert place.environment.traffic.writes == writes


def test_a_profile_deleted_in_the_crm(place: Place) -> None:
    """A full run finds out what the CRM holds no more, and writes it again."""
    (lost,) = {link for link in place.links().values() if link} & {next(iter(filter(None, place.links().values())))}
    place.environment.delete(PROFILE, [lost])
    assert str(place.run(full=True).status) == "Successful"
    assert lost in place.rows(PROFILE, "msdynci_customerid")
    assert place.is_whole()
    assert lost in place.links().values()


def test_measures_that_left_the_project(place: Place) -> None:
    """Nobody sees values that are calculated no more: their rows go, profiles and links stay."""
    links = place.links()
    edit(place, ("hydrate: [attributes]", "hydrate: []"))
    assert statuses(place.run())[LINKS] == "Successful"
    assert not place.rows(MEASURE, "msdynci_customerid")
    assert place.links() == links
    assert len(place.rows(KEYS, "msdynci_customerid")) == len(place.published("members"))


def test_a_foreign_key_with_our_name(place: Place) -> None:
    """A foreign key may be called `customer_id`, which is what our own tables call the CustomerId."""
    spent = place.rows(MEASURE, "msdynci_spent")
    edit(place, ("shop.purchase.memberid", "shop.purchase.customer_id"))
    place.edit("purchases.csv", lambda lines: ["id,customer_id,amount\n", *lines[1:]])
    assert str(place.run().status) == "Successful"
    assert place.rows(MEASURE, "msdynci_spent") == spent


def test_our_stamp_is_no_change(untouched: Path, tmp_path: Path) -> None:
    """A row that we link does not become the most recent one: a person's correction stays (unification.md 1.5)."""
    folder = shutil.copytree(untouched, tmp_path / "echo")
    with serving(folder) as place, dataverse.Dataverse(place.url, lambda: "theirs") as person:
        types = "types: {jobtitle: Person.JobTitle, emailaddress1: Identity.Service.Email}"
        rules = "rules: [{name: Email, match: [{column: emailaddress1}]}]"
        keep = f"{types}, deduplicate: {{{rules}, keep: {{most_recent: modifiedon}}}}}}"
        edit(place, ("types: {emailaddress1: Identity.Service.Email}}", keep))
        place.run()
        place.run()
        for corrected, words in ((guid(1), "Right"), (guid(CONTACTS), "Righter"), (guid(1), "Right again")):
            person.upsert("contact", pa.RecordBatch.from_pylist([{"contactid": corrected, "jobtitle": words}]))
            for _ in range(2):
                place.run()
                profile = place.links()[corrected]
                assert place.rows(PROFILE, "msdynci_jobtitle")[str(profile)] == words
        person.upsert("contact", pa.RecordBatch.from_pylist([{"contactid": guid(2), "emailaddress1": "p1@x"}]))
        place.run()
        assert place.run(full=True).tasks[0].rows == CONTACTS
        assert place.rows(PROFILE, "msdynci_jobtitle")[str(place.links()[guid(1)])] is None


def test_after_a_failed_hydration(place: Place) -> None:
    """The next run compares every row and sends what is left; the one after it reads only what changed."""
    place.edit("members.csv", lambda lines: [line.replace("P1@x", "other@x") for line in lines])
    failed = place.run(lambda sink: meddling.Fails(sink, 0, late=False))
    assert failed.status is TaskStatus.FAILED
    full, usual = (place.run() for _ in range(2))
    assert "all of them" in task(full, "crm.contact").details
    assert "all of them" not in task(usual, "crm.contact").details
    assert place.is_whole()
    assert sum(task(usual, step.planned.name).rows or 0 for step in link.STEPS) == 0

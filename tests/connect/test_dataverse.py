"""The Dataverse connector against the embedded CRM, over real HTTP."""

from __future__ import annotations

import datetime as dt
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from backstamp import embedded, errors
from backstamp.connect import dataverse, ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PROFILE = "msdynci_customerprofile"
LOOKUP = "msdynci_lookupfield_customerprofile"
UTC = pa.timestamp("us", "UTC")


def guid(number: int) -> str:
    """A key that sorts as its number."""
    return str(uuid.UUID(int=number))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A new embedded CRM."""
    settings = embedded.Settings(database_url=f"sqlite:///{tmp_path}/crm.sqlite", limits=embedded.Limits())
    with embedded.serving(settings, {"token": embedded.ADMINISTRATOR}) as served:
        yield served


@pytest.fixture
def crm(url: str) -> Iterator[ports.Sink]:
    """A connection to a new embedded CRM, with small pages."""
    with dataverse.Dataverse(url, lambda: "token", page_size=3) as connection:
        yield connection


def contacts(*rows: Mapping[str, object]) -> pa.RecordBatch:
    """Rows for the table contact."""
    return pa.RecordBatch.from_pylist(list(rows))


def people(numbers: Sequence[int]) -> pa.RecordBatch:
    """Contacts with a key and a name."""
    return contacts(*({"contactid": guid(number), "lastname": f"Person {number}"} for number in numbers))


def full_read(crm: ports.Sink, *columns: str) -> tuple[list[dict[str, object]], str]:
    """All rows of contact, and the token of the last page."""
    pages = list(crm.read("contact", columns))
    assert all(page.token is None for page in pages[:-1])
    return [row for page in pages for row in page.rows.to_pylist()], pages[-1].token or ""


def delta(crm: ports.Sink, token: str, *columns: str) -> tuple[list[dict[str, object]], list[str], str]:
    """What changed since a token: rows, deleted keys, the next token."""
    pages = list(crm.read("contact", columns, token))
    rows = [row for page in pages for row in page.rows.to_pylist()]
    return rows, [key for page in pages for key in page.deleted], pages[-1].token or ""


def with_profiles(crm: ports.Sink, *numbers: int) -> None:
    """Make the profile table with some profiles, and the lookup to it on contact."""
    name = ports.Column("msdynci_fullname", pa.string(), max_length=4000)
    crm.create_table(ports.TableDefinition(PROFILE, f"{PROFILE}id", (name,), display_name="Customer Profile"))
    crm.create_column("contact", ports.Column(LOOKUP, pa.string(), lookup_to=PROFILE, display_name="CustomerProfile"))
    crm.upsert(PROFILE, pa.RecordBatch.from_pylist([{f"{PROFILE}id": guid(number)} for number in numbers]))


def links(crm: ports.Sink) -> dict[object, object]:
    """The link of each contact."""
    return {row["contactid"]: row[LOOKUP] for row in full_read(crm, LOOKUP)[0]}


def states(outcomes: Sequence[ports.Outcome]) -> dict[str, str]:
    """How each row ended."""
    return {outcome.key: outcome.state for outcome in outcomes}


def test_definition(crm: ports.Sink) -> None:
    """A table is told with its true key, its change tracking and typed columns; a lookup with what it points to."""
    contact = crm.define("contact")
    assert (contact.key, contact.tracks_changes) == ("contactid", True)
    expected = {
        "emailaddress1": pa.string(),
        "statecode": pa.int32(),
        "annualincome": pa.decimal128(19, 4),
        "donotemail": pa.bool_(),
        "createdon": UTC,
        "birthdate": pa.date32(),
    }
    found = {column.name: column for column in contact.columns}
    assert {name: found[name].type for name in expected} == expected
    assert found["ownerid"].lookup_to == "systemuser"
    assert found["lastname"].max_length == 50


def test_unknown_table(crm: ports.Sink) -> None:
    """A table that is not there is None to who looks for it, and an error with the remedy to who needs it."""
    assert crm.find("contct") is None
    with pytest.raises(errors.SourceError, match="no table 'contct'"):
        crm.define("contct")


def test_full_read(crm: ports.Sink) -> None:
    """A full read brings every row once, page by page, typed, and a token at the end."""
    born = dt.date(1980, 1, 31)
    money = Decimal("12345.67")
    crm.upsert("contact", people(range(7)))
    crm.upsert("contact", contacts({"contactid": guid(7), "birthdate": born, "annualincome": money, "gendercode": 2}))
    rows, token = full_read(crm, "lastname", "birthdate", "annualincome", "gendercode", "modifiedby", "createdon")
    assert [row["contactid"] for row in rows] == [guid(number) for number in range(8)]
    assert token
    assert (rows[6]["lastname"], rows[6]["birthdate"]) == ("Person 6", None)
    assert (rows[7]["birthdate"], rows[7]["annualincome"], rows[7]["gendercode"]) == (born, money, 2)
    assert rows[7]["modifiedby"] == crm.who_am_i()
    assert isinstance(rows[7]["createdon"], dt.datetime)


def test_read_of_an_unknown_column(crm: ports.Sink) -> None:
    """A column that is not there is told before anything is read."""
    with pytest.raises(errors.SourceError, match="contact has no column 'emial'"):
        list(crm.read("contact", ["emial"]))


def test_one_row(crm: ports.Sink) -> None:
    """A row is read by its key, with typed values; a key that no row has, or that is none, gives nothing."""
    crm.upsert("contact", contacts({"contactid": guid(1), "lastname": "Person 1", "birthdate": dt.date(1980, 2, 29)}))
    row = crm.row("contact", guid(1), ["lastname", "birthdate", "parentcustomerid"])
    expected = {"lastname": "Person 1", "birthdate": dt.date(1980, 2, 29), "parentcustomerid": None}
    assert row == {"contactid": guid(1), **expected}
    assert crm.row("contact", guid(2), ["lastname"]) is None
    assert crm.row("contact", "Person 1", ["lastname"]) is None
    with pytest.raises(errors.SourceError, match="contact has no column 'emial'"):
        crm.row("contact", guid(1), ["emial"])


def test_client_secret_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants to sign in to Azure without azure-identity is told what to install."""
    monkeypatch.setitem(sys.modules, "azure.identity", None)  # as if it was not installed
    with pytest.raises(errors.ConfigurationError, match=r"install `backstamp\[dataverse\]`"):
        dataverse.client_secret("https://contoso.crm.dynamics.com", "tenant", "client", "secret")


def test_delta(crm: ports.Sink) -> None:
    """After a token come new, changed and deleted rows only, then nothing, and each time a token that goes on."""
    crm.upsert("contact", people(range(5)))
    _, token = full_read(crm, "lastname")
    crm.upsert("contact", contacts({"contactid": guid(1), "lastname": "Changed"}, {"contactid": guid(9)}))
    crm.delete("contact", [guid(2)])
    rows, deleted, token = delta(crm, token, "lastname")
    assert {row["contactid"]: row["lastname"] for row in rows} == {guid(1): "Changed", guid(9): None}
    assert deleted == [guid(2)]
    assert delta(crm, token, "lastname")[:2] == ([], [])


def test_long_delta(crm: ports.Sink) -> None:
    """A delta of many pages brings each change once."""
    _, token = full_read(crm)
    crm.upsert("contact", people(range(10)))
    crm.delete("contact", [guid(number) for number in range(4)])
    rows, deleted, _ = delta(crm, token)
    assert sorted(str(row["contactid"]) for row in rows) == [guid(number) for number in range(4, 10)]
    assert sorted(deleted) == [guid(number) for number in range(4)]


def test_columns_changed(crm: ports.Sink) -> None:
    """A token of other columns than those wanted now ends the feed."""
    _, token = full_read(crm, "lastname")
    with pytest.raises(errors.FeedEndedError, match=r"Columns were added \(firstname\)"):
        delta(crm, token, "lastname", "firstname")


def test_changed_metadata_ends_the_feed(crm: ports.Sink) -> None:
    """A new column on the table expires the token, as Dataverse has been seen to do."""
    _, token = full_read(crm, "lastname")
    crm.create_column("contact", ports.Column("new_score", pa.int32()))
    with pytest.raises(errors.FeedEndedError, match=r"the table's definition changed: read it in full"):
        delta(crm, token, "lastname")


def test_created_table(crm: ports.Sink) -> None:
    """A table of our own keeps every type, and making it twice is harmless."""
    columns = (
        ports.Column("new_name", pa.string(), max_length=100),
        ports.Column("new_text", pa.string()),
        ports.Column("new_whole", pa.int32()),
        ports.Column("new_amount", pa.decimal128(18, 4)),
        ports.Column("new_share", pa.float64()),
        ports.Column("new_flag", pa.bool_()),
        ports.Column("new_moment", UTC),
        ports.Column("new_day", pa.date32()),
        ports.Column("new_contact", pa.string(), lookup_to="contact"),
    )
    definition = ports.TableDefinition("new_thing", "new_thingid", columns)
    crm.create_table(definition)
    crm.create_table(definition)
    crm.upsert("contact", people([5]))
    row = {
        "new_thingid": guid(1),
        "new_name": "Ada",
        "new_text": "long",
        "new_whole": 7,
        "new_amount": Decimal("12345678901.1234"),
        "new_share": 0.25,
        "new_flag": True,
        "new_moment": dt.datetime(2024, 2, 29, 12, 0, 1, tzinfo=dt.UTC),
        "new_day": dt.date(2024, 2, 29),
        "new_contact": guid(5),
    }
    empty = {"new_thingid": guid(2), **dict.fromkeys([name for name in row if name != "new_thingid"])}
    crm.upsert("new_thing", pa.RecordBatch.from_pylist([row, empty]))
    pages = crm.read("new_thing", [column.name for column in columns])
    assert [found for page in pages for found in page.rows.to_pylist()] == [row, empty]


def test_column_of_another_type(crm: ports.Sink) -> None:
    """A column that is there with another type is refused in words, and nothing is changed."""
    with pytest.raises(errors.RefusedError, match=r"contact\.lastname is in the environment already, as string"):
        crm.create_column("contact", ports.Column("lastname", pa.int32()))


def test_lookup_and_stamp(crm: ports.Sink) -> None:
    """A link is written, changed and emptied, and can be asked for."""
    with_profiles(crm, 100, 101)
    crm.upsert("contact", people([1, 2]))
    assert crm.define("contact").column(LOOKUP) == ports.Column(
        LOOKUP, pa.string(), lookup_to=PROFILE, display_name="CustomerProfile"
    )
    crm.stamp("contact", LOOKUP, [ports.Stamp(guid(1), guid(100)), ports.Stamp(guid(2), guid(100))])
    assert links(crm) == {guid(1): guid(100), guid(2): guid(100)}
    crm.stamp("contact", LOOKUP, [ports.Stamp(guid(1), guid(101)), ports.Stamp(guid(2), None)])
    assert links(crm) == {guid(1): guid(101), guid(2): None}
    assert crm.linked("contact", LOOKUP, [guid(100), guid(101)]) == {guid(101)}
    assert crm.referencing(PROFILE) == (("contact", LOOKUP),)


def test_deleted_profile_leaves_no_link(crm: ports.Sink) -> None:
    """Deleting a profile empties the links to it, and a second delete finds it gone."""
    with_profiles(crm, 100)
    crm.upsert("contact", people([1]))
    crm.stamp("contact", LOOKUP, [ports.Stamp(guid(1), guid(100))])
    assert states(crm.delete(PROFILE, [guid(100)])) == {guid(100): "acknowledged"}
    assert states(crm.delete(PROFILE, [guid(100)])) == {guid(100): "gone"}
    assert links(crm) == {guid(1): None}


def test_stamp_of_a_missing_row(crm: ports.Sink) -> None:
    """A row deleted meanwhile is gone and not brought back; the others of its batch are written."""
    with_profiles(crm, 100)
    crm.upsert("contact", people([1, 2, 4]))
    stamps = [ports.Stamp(guid(number), guid(100)) for number in (1, 2, 3, 4)]
    ended = states(crm.stamp("contact", LOOKUP, stamps))
    assert ended == {**dict.fromkeys(map(guid, (1, 2, 4)), "acknowledged"), guid(3): "gone"}
    assert links(crm) == dict.fromkeys(map(guid, (1, 2, 4)), guid(100))


def test_stamp_to_a_missing_profile(crm: ports.Sink) -> None:
    """A row whose profile is not there is refused: the row itself is not gone."""
    with_profiles(crm)
    crm.upsert("contact", people([1]))
    assert states(crm.stamp("contact", LOOKUP, [ports.Stamp(guid(1), guid(100))])) == {guid(1): "refused"}


def test_one_bad_row(crm: ports.Sink) -> None:
    """One row that the service refuses is told with the service's words, the others are written."""
    rows = [{"contactid": guid(number), "lastname": "x" * (60 if number == 5 else 6)} for number in range(9)]
    outcomes = crm.upsert("contact", pa.RecordBatch.from_pylist(rows))
    (refused,) = [outcome for outcome in outcomes if outcome.state != "acknowledged"]
    assert (refused.key, refused.state, refused.code) == (guid(5), "refused", "0x80044331")
    assert refused.message
    assert len(full_read(crm)[0]) == 8


def test_upsert_twice(crm: ports.Sink) -> None:
    """Writing the same rows twice leaves the same rows."""
    rows = people(range(3))
    assert states(crm.upsert("contact", rows)) == states(crm.upsert("contact", rows))
    assert len(full_read(crm)[0]) == 3


def test_several_threads(crm: ports.Sink) -> None:
    """Batches written by several threads on one connection all arrive, and all are counted."""
    batches = [people(range(start, start + 20)) for start in range(0, 200, 20)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = [
            outcome for written in pool.map(lambda batch: crm.upsert("contact", batch), batches) for outcome in written
        ]
    assert len(outcomes) == crm.traffic.rows_written == len(full_read(crm)[0]) == 200


def test_wrong_token(url: str) -> None:
    """A token that is not accepted is told with the remedy, and not repeated in the message."""
    with dataverse.Dataverse(url, lambda: "wrong-secret") as crm, pytest.raises(errors.UnauthorizedError) as raised:
        crm.define("contact")
    assert "does not accept our token" in str(raised.value)
    assert "wrong-secret" not in str(raised.value)


def test_unreachable() -> None:
    """An environment that does not answer is told with its address and how to start it."""
    with (
        dataverse.Dataverse("http://127.0.0.1:9", lambda: "token") as crm,
        pytest.raises(errors.EnvironmentServiceError, match=r"127\.0\.0\.1:9.* does not answer.*`backstamp crm`"),
    ):
        crm.who_am_i()


def test_credential(url: str) -> None:
    """A credential such as azure-identity's is asked for a token of this organization."""

    class Credential:
        def get_token(self, *scopes: str) -> object:
            asked.extend(scopes)
            return type("AccessToken", (), {"token": "token"})

    asked: list[str] = []
    with dataverse.Dataverse(f"{url}/", Credential()) as crm:
        assert crm.who_am_i()
    assert set(asked) == {f"{url}/.default"}

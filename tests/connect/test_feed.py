"""Pages of rows and the token where a feed goes on, without a server."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from backstamp import errors
from backstamp.connect.dataverse import feed

if TYPE_CHECKING:
    from collections.abc import Mapping

GUID = "8f3c0000-0000-4000-8000-000000000001"
ROOT = "https://contoso.crm.dynamics.com/api/data/v9.2/"
KINDS: dict[str, pa.DataType] = {
    "contactid": pa.string(),
    "age": pa.int32(),
    "income": pa.decimal128(19, 4),
    "share": pa.float64(),
    "active": pa.bool_(),
    "modifiedon": pa.timestamp("us", "UTC"),
    "birthdate": pa.date32(),
}


def reading(**kinds: pa.DataType) -> feed.Reading:
    """Plan to read these columns of `contact`, of all kinds unless told."""
    wanted = kinds or KINDS
    return feed.Reading("contact", pa.schema(list(wanted.items())), tuple(wanted), organization="o-1")


def page(*rows: Mapping[str, object], **links: str) -> dict[str, Any]:
    """A page as the service sends it."""
    return {"value": list(rows), **{f"@odata.{name}": ROOT + link for name, link in links.items()}}


def test_typed_rows() -> None:
    """Values come in the types of the metadata, decimals digit for digit, also where all are null."""
    full = {"contactid": GUID, "age": 7, "income": "1234567890123.4567", "share": "0.5", "active": True}
    full |= {"modifiedon": "2024-02-29T23:59:59Z", "birthdate": "1980-01-31"}
    change, following = feed.read_page(page(full, {"contactid": GUID, "income": 3, "share": 1}), reading())
    assert following is None
    assert change.rows.schema == reading().schema
    first, second = change.rows.to_pylist()
    assert first == {
        "contactid": GUID,
        "age": 7,
        "income": Decimal("1234567890123.4567"),
        "share": 0.5,
        "active": True,
        "modifiedon": dt.datetime(2024, 2, 29, 23, 59, 59, tzinfo=dt.UTC),
        "birthdate": dt.date(1980, 1, 31),
    }
    assert (second["income"], second["share"], second["birthdate"]) == (Decimal(3), 1.0, None)
    assert feed.read_page(page(), reading())[0].rows.schema == reading().schema


def test_value_of_another_type() -> None:
    """A value that its column's type does not allow is told by table and column, without the value."""
    with pytest.raises(errors.SourceError, match="contact gave a value of birthdate") as raised:
        feed.read_page(page({"birthdate": "soon"}), reading(birthdate=pa.date32()))
    assert "soon" not in str(raised.value)


def test_deletions() -> None:
    """Deleted rows are keys, not rows."""
    gone = {"@odata.context": f"{ROOT}$metadata#contacts/$deletedEntity", "id": GUID.upper(), "reason": "deleted"}
    change, _ = feed.read_page(page(gone, {"contactid": "x"}), reading(contactid=pa.string()))
    assert (change.deleted, change.rows.num_rows) == ((GUID,), 1)


def test_links() -> None:
    """The next page and the token are addresses below the service root, whatever host the service names."""
    change, following = feed.read_page(page(nextLink="contacts?$skiptoken=7"), reading())
    assert (change.token, following) == (None, "contacts?$skiptoken=7")
    change, following = feed.read_page(page(deltaLink="contacts?$deltatoken=7"), reading())
    assert following is None
    assert feed.resume(change.token or "", reading()) == "contacts?$deltatoken=7"


def token(*columns: str, organization: str = "o-1") -> str:
    """A token kept from an earlier read of these columns."""
    return feed.Bookmark(organization, columns, "contacts?$deltatoken=7").token()


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (token("contactid"), r"Columns were added \(fax\) for contact: read it in full"),
        (token("contactid", "fax", "mail"), r"Columns were removed \(mail\) for contact"),
        (token("contactid", "fax", organization="o-2"), "another organization"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
    ],
)
def test_feed_that_cannot_go_on(kept: str, message: str) -> None:
    """A token of other columns, another organization, or none of ours ends the feed, and says why."""
    with pytest.raises(errors.FeedEndedError, match=message):
        feed.resume(kept, reading(contactid=pa.string(), fax=pa.string()))


def test_order_of_columns_does_not_matter() -> None:
    """A token of the same columns in another order goes on."""
    kept = token("fax", "contactid")
    assert feed.resume(kept, reading(contactid=pa.string(), fax=pa.string())) == "contacts?$deltatoken=7"

"""The spelling of the wire, pinned: client and server read it from one place and would share its errors."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest

from backstamp import odata

GUID = "8f3c2f8e-0a1b-4c2d-9e3f-0123456789ab"


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (Decimal("1.50"), "1.50"),
        ("O'Brien", "'O''Brien'"),
        (UUID(GUID), GUID),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.timezone(dt.timedelta(hours=1))), "2026-01-02T02:04:05Z"),
    ],
)
def test_literals(value: object, spelled: str) -> None:
    """Each type has one spelling in filters and keys."""
    assert odata.literal(value) == spelled


def test_what_has_no_spelling_is_an_error() -> None:
    """A literal of another type is a mistake of the caller."""
    with pytest.raises(TypeError, match="list"):
        odata.literal([])


@pytest.mark.parametrize(
    ("logical", "entity_set"),
    [
        ("contact", "contacts"),
        ("opportunity", "opportunities"),
        ("msdynci_unifiedactivity", "msdynci_unifiedactivities"),
        ("msdyn_smsengagementctx", "msdyn_smsengagementctxes"),
        ("new_key", "new_keys"),
        ("new_batch", "new_batches"),
    ],
)
def test_entity_sets_are_english_plurals(logical: str, entity_set: str) -> None:
    """A new table's entity set is its name's plural, as Dataverse makes it."""
    assert odata.entity_set_name(logical) == entity_set


def test_references_and_ids_belong_together() -> None:
    """The id comes back out of a reference or an address, in lower case."""
    assert odata.entity_reference("contacts", GUID) == f"/contacts({GUID})"
    assert odata.record_id(f"https://contoso.crm.dynamics.com/api/data/v9.2/contacts({GUID.upper()})") == GUID
    with pytest.raises(ValueError, match="no GUID"):
        odata.record_id("contacts(1)")


def test_times_without_a_zone_are_utc() -> None:
    """Times are read with and without a zone and spelled in UTC."""
    for text in ("2026-01-02T03:04:05", "2026-01-02T03:04:05.999", "2026-01-02T04:04:05+01:00"):
        assert odata.format_time(odata.parse_time(text)) == "2026-01-02T03:04:05Z"
    assert odata.format_time(dt.datetime(7, 1, 1, tzinfo=dt.UTC)) == "0007-01-01T00:00:00Z"


def test_preferences_are_read_with_quotes_and_commas() -> None:
    """Quoted values may hold commas; names do not depend on case."""
    header = 'OData.MaxPageSize=5, odata.include-annotations="a,b",odata.track-changes; return=representation'
    assert odata.parse_preferences(header) == {
        odata.MAX_PAGE_SIZE_PREFERENCE: "5",
        odata.INCLUDE_ANNOTATIONS: "a,b",
        odata.TRACK_CHANGES: "",
        "return": "representation",
    }


def test_words_are_the_protocols_own() -> None:
    """The words that both sides take from here are those of the service."""
    assert odata.type_name("contact") == "Microsoft.Dynamics.CRM.contact"
    assert odata.lookup_property("ownerid") == "_ownerid_value"
    assert (odata.NEXT_LINK, odata.DELTA_LINK, odata.BIND) == ("@odata.nextLink", "@odata.deltaLink", "@odata.bind")
    assert (odata.TRACK_CHANGES, odata.RETURN_REPRESENTATION) == ("odata.track-changes", "return=representation")
    assert (odata.ENTITY_ID, odata.API_PATH) == ("OData-EntityId", "/api/data/v9.2/")
    assert (odata.DELTA_EXPIRED, odata.NOT_FOUND) == ("0x80044352", "0x80040217")

"""Bulk actions: all targets or none."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from tests.embedded.conftest import TOKENS, Crm, fault

from backstamp import embedded, odata


def _people(crm: Crm, *names: str) -> list[str]:
    response = crm.act("contact", odata.CREATE_MULTIPLE, [{"lastname": name} for name in names])
    assert response.status_code == 200, response.text
    ids: list[str] = response.json()["Ids"]
    return ids


def _name(crm: Crm, key: str) -> str:
    return str(crm.get(f"contacts({key})?$select=lastname")["lastname"])


def test_create_gives_ids_in_order(crm: Crm) -> None:
    """CreateMultiple returns one id for each target, in their order, whatever columns they have."""
    targets: list[dict[str, Any]] = [{"lastname": "A"}, {"lastname": "B", "jobtitle": "Poet"}, {"lastname": "C"}]
    ids = crm.act("contact", odata.CREATE_MULTIPLE, targets).json()["Ids"]
    assert [_name(crm, key) for key in ids] == ["A", "B", "C"]


_WRITTEN: list[dict[str, Any]] = [
    {"description": "\"'\\ \n {a} [b] $1 %s ß 名 \U0001f600", "creditlimit": 0.1, "birthdate": "1970-01-01"},
    {"description": "", "creditlimit": 12345678901.2345, "birthdate": None},
    {"description": None, "creditlimit": None, "birthdate": "9999-12-31"},
]


@pytest.mark.parametrize("action", [odata.CREATE_MULTIPLE, odata.UPDATE_MULTIPLE, odata.UPSERT_MULTIPLE])
def test_every_row_gets_its_own_values(crm: Crm, action: str) -> None:
    """Texts, numbers, days and missing values of many rows are read as they were written."""
    ids = [str(uuid4()) for _ in _WRITTEN] if action == odata.CREATE_MULTIPLE else _people(crm, *"ABC")
    targets = [{"contactid": key, **values} for key, values in zip(ids, _WRITTEN, strict=True)]
    assert crm.act("contact", action, targets).status_code in {200, 204}
    for key, values in zip(ids, _WRITTEN, strict=True):
        row = crm.get(f"contacts({key})?$select={','.join(values)}")
        assert {name: row[name] for name in values} == values


def test_each_row_gets_a_version_of_its_own(crm: Crm) -> None:
    """No two rows of a bulk request share a version."""
    ids = _people(crm, *"ABCDE")
    versions = {crm.get(f"contacts({key})")["versionnumber"] for key in ids}
    assert len(versions) == len(ids)


def test_create_rolls_back_when_one_row_is_wrong(crm: Crm) -> None:
    """One target that cannot be written leaves none of the others behind."""
    mark = str(uuid4())
    response = crm.act("contact", odata.CREATE_MULTIPLE, [{"nickname": mark}, {"nickname": mark, "gendercode": 99}])
    assert fault(response) == (400, odata.CHOICE_OUT_OF_RANGE)
    assert crm.rows(f"contacts?$filter=nickname eq '{mark}'") == []


def test_update_writes_links_and_only_what_is_given(crm: Crm) -> None:
    """UpdateMultiple with key and `@odata.bind` moves the lookup, version and modified by, and nothing else."""
    ids = _people(crm, "One", "Two")
    owner = crm.get("WhoAmI")["UserId"]
    before = [crm.get(f"contacts({key})") for key in ids]
    targets = [{"contactid": key, "parentcustomerid_contact@odata.bind": f"/contacts({ids[0]})"} for key in ids]
    assert crm.act("contact", odata.UPDATE_MULTIPLE, targets).status_code == 204
    after = [crm.get(f"contacts({key})") for key in ids]
    moving = {"_parentcustomerid_value", "versionnumber", "modifiedon", odata.ROW_ETAG}
    for old, new in zip(before, after, strict=True):
        assert {name for name in new if new[name] != old[name]} <= moving
        assert (new["_parentcustomerid_value"], new["_modifiedby_value"]) == (ids[0], owner)


def test_update_fails_as_a_whole_when_a_row_is_missing(crm: Crm) -> None:
    """A target without a row is a 404 with its id, and the other rows stay as they were."""
    [key] = _people(crm, "Kept")
    missing = str(uuid4())
    targets = [{"contactid": key, "lastname": "Changed"}, {"contactid": missing, "lastname": "Ghost"}]
    response = crm.act("contact", odata.UPDATE_MULTIPLE, targets)
    assert fault(response) == (404, odata.NOT_FOUND)
    assert missing in response.json()["error"]["message"]
    assert _name(crm, key) == "Kept"


def test_update_applies_the_first_of_two_targets_for_one_row(crm: Crm) -> None:
    """Of two targets with one key the second is passed over."""
    [key] = _people(crm, "Before")
    crm.act("contact", odata.UPDATE_MULTIPLE, [{"contactid": key, "lastname": name} for name in ("First", "Second")])
    assert _name(crm, key) == "First"


def test_upsert_creates_and_updates_by_the_callers_key(crm: Crm) -> None:
    """UpsertMultiple takes keys in the body or as `@odata.id`, and can be sent twice."""
    ids = [str(uuid4()) for _ in range(3)]
    targets = [{"contactid": ids[0], "lastname": "A"}, {odata.ROW_ID: f"contacts({ids[1]})", "lastname": "B"}]
    for _ in range(2):
        assert crm.act("contact", odata.UPSERT_MULTIPLE, targets).status_code == 204
    mixed = [{"contactid": ids[1], "lastname": "B2"}, {"contactid": ids[2], "lastname": "C"}]
    assert crm.act("contact", odata.UPSERT_MULTIPLE, mixed).status_code == 204
    assert [_name(crm, key) for key in ids] == ["A", "B2", "C"]


def test_upsert_refuses_two_targets_for_one_row(crm: Crm) -> None:
    """Two targets with one key are a mistake of the caller."""
    key = str(uuid4())
    response = crm.act("contact", odata.UPSERT_MULTIPLE, [{"contactid": key}, {"contactid": key.upper()}])
    assert fault(response) == (400, odata.BAD_QUERY)


@pytest.mark.parametrize("targets", [[], [{"lastname": "No type"}], ["text"], None])
def test_targets_need_their_type(crm: Crm, targets: object) -> None:
    """A target without `@odata.type`, or no list of targets at all, is refused."""
    response = crm.http.post(f"contacts/{odata.type_name(odata.CREATE_MULTIPLE)}", json={"Targets": targets})
    assert fault(response) == (400, odata.BAD_QUERY)


@pytest.mark.parametrize("action", [odata.UPDATE_MULTIPLE, odata.UPSERT_MULTIPLE])
def test_updates_need_a_key(crm: Crm, action: str) -> None:
    """A target that names no row is refused."""
    assert fault(crm.act("contact", action, [{"lastname": "Keyless"}])) == (400, odata.BAD_QUERY)


def test_another_server_changes_the_definitions(crm: Crm, database_url: str) -> None:
    """A bulk request goes by the definitions of its own turn, also where another server has just changed them."""
    column = {odata.TYPE: odata.type_name("StringAttributeMetadata"), "SchemaName": "new_Late"}
    address = "EntityDefinitions(LogicalName='contact')/Attributes"
    key = crm.create("contacts", lastname="Before")
    with embedded.serving(embedded.Settings(database_url=database_url), TOKENS) as url:
        other = Crm(url)
        with other.http:
            assert other.http.post(address, json=column).status_code == 204
            written = crm.act("contact", odata.UPDATE_MULTIPLE, [{"contactid": key, "new_late": "now"}])
            assert written.status_code == 204
            assert other.rows(f"contacts?$select=new_late&$filter=contactid eq {key}")[0]["new_late"] == "now"
            assert other.http.delete(f"{address}(LogicalName='new_late')").status_code == 204
            refused = crm.act("contact", odata.UPDATE_MULTIPLE, [{"contactid": key, "new_late": "then"}])
            assert refused.status_code == 400

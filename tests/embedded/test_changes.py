"""Definitions change: columns, tables, choices; and columns that keep files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.embedded.conftest import fault
from tests.embedded.test_alternate import made
from tests.embedded.test_metadata import attribute, label, table

from backstamp import odata

if TYPE_CHECKING:
    import httpx2
    from tests.embedded.conftest import Crm

CONTACT = "EntityDefinitions(LogicalName='contact')"
MERGE = {odata.MERGE_LABELS: "true"}


def added(crm: Crm, kind: str, name: str, **details: object) -> str:
    """Add a column to contact and return its address."""
    return (
        f"{CONTACT}/Attributes({made(crm.http.post(f'{CONTACT}/Attributes', json=attribute(kind, name, **details)))})"
    )


def put(crm: Crm, path: str, headers: dict[str, str] | None = None, **changes: object) -> httpx2.Response:
    """Read a definition and put it back with changes, as clients do."""
    told = {name: value for name, value in crm.get(path).items() if name == odata.TYPE or "@" not in name}
    return crm.http.put(path, json={**told, **changes}, headers=headers)


def test_a_column_changes(crm: Crm) -> None:
    """Length, level, format and label change; the longer text can be written at once, the values stay."""
    path = added(crm, "String", "new_Motto", MaxLength=5, DisplayName=label("Motto"))
    key = crm.create("contacts", new_motto="short")
    assert crm.http.patch(f"contacts({key})", json={"new_motto": "longer"}).status_code == 400
    changes: dict[str, Any] = {"MaxLength": 50, "FormatName": {"Value": "Email"}, "DisplayName": label("Saying")}
    assert put(crm, path, MERGE, RequiredLevel={"Value": "ApplicationRequired"}, **changes).status_code == 204
    found = crm.get(path)
    assert (found["MaxLength"], found["FormatName"]["Value"]) == (50, "Email")
    assert (found["RequiredLevel"]["Value"], found["SchemaName"]) == ("ApplicationRequired", "new_Motto")
    assert found["DisplayName"]["UserLocalizedLabel"]["Label"] == "Saying"
    assert crm.get(f"contacts({key})")["new_motto"] == "short"
    assert crm.http.patch(f"contacts({key})", json={"new_motto": "longer"}).status_code == 204


def test_labels_stay_only_where_they_are_merged(crm: Crm) -> None:
    """A definition put without its labels loses them, unless `MSCRM.MergeLabels` says otherwise."""
    path = added(crm, "Integer", "new_Rank", Description=label("How high"))
    put(crm, path, MERGE, Description=None)
    assert crm.get(path)["Description"]["UserLocalizedLabel"]["Label"] == "How high"
    put(crm, path, Description=None)
    assert crm.get(path)["Description"]["UserLocalizedLabel"] is None


def test_digits_behind_the_point_change(crm: Crm) -> None:
    """More digits keep the values as they are; fewer round them, and what would not fit is refused."""
    path = added(crm, "Decimal", "new_Share", Precision=2)
    keys = [crm.create("contacts", new_share=value) for value in (1.25, -1.25, 90_000_000_000.0)]
    assert put(crm, path, Precision=4).status_code == 204
    assert [crm.get(f"contacts({key})")["new_share"] for key in keys] == [1.25, -1.25, 90_000_000_000.0]
    assert fault(put(crm, path, Precision=10)) == (400, odata.BAD_QUERY)
    assert put(crm, path, Precision=1).status_code == 204
    assert [crm.get(f"contacts({key})")["new_share"] for key in keys] == [1.3, -1.3, 90_000_000_000.0]


def test_the_type_of_a_column_stays(crm: Crm) -> None:
    """Type and behavior of a column cannot be changed, nor can a length be nonsense."""
    path = added(crm, "DateTime", "new_Seen")
    other: dict[str, Any] = {odata.TYPE: odata.type_name("StringAttributeMetadata")}
    assert put(crm, path, **other).status_code == 400
    assert put(crm, path, DateTimeBehavior={"Value": "DateOnly"}).status_code == 400
    assert put(crm, added(crm, "String", "new_Odd"), MaxLength="long").status_code == 400


def test_a_table_changes(crm: Crm) -> None:
    """Labels, the name of the entity set and change tracking change; tracking stays on."""
    path = f"EntityDefinitions({made(crm.http.post('EntityDefinitions', json=table('new_Thing')))})"
    changed = put(crm, path, DisplayName=label("Object"), EntitySetName="new_objects", ChangeTrackingEnabled=True)
    assert changed.status_code == 204
    found = crm.get(path)
    assert (found["EntitySetName"], found["ChangeTrackingEnabled"]) == ("new_objects", True)
    assert found["DisplayName"]["UserLocalizedLabel"]["Label"] == "Object"
    assert crm.create("new_objects", new_name="x")
    assert fault(put(crm, path, ChangeTrackingEnabled=False)) == (400, odata.BAD_QUERY)
    assert put(crm, path, EntitySetName="contacts").status_code == 400


def test_columns_share_a_global_choice(crm: Crm) -> None:
    """A column takes a global choice by name or by id; what is added to it holds for the column; used, it stays."""
    options = [{"Value": value, "Label": label(text)} for value, text in ((10, "Red"), (20, "Blue"))]
    body = {"Name": "new_Color", "DisplayName": label("Color"), "Options": options}
    identity = made(crm.http.post("GlobalOptionSetDefinitions", json=body))
    path = f"GlobalOptionSetDefinitions({identity})"
    bound = {"GlobalOptionSet@odata.bind": f"/{path}"}
    columns = [added(crm, "Picklist", "new_Eyes", **bound)]
    columns += [added(crm, "Picklist", "new_Hair", OptionSet={"IsGlobal": True, "Name": "new_color"})]
    assert fault(crm.http.post("contacts", json={"new_eyes": 30})) == (400, odata.CHOICE_OUT_OF_RANGE)
    more = [*options, {"Value": 30, "Label": label("Green")}]
    assert crm.http.put(path, json={**body, "Options": more}).status_code == 204
    row = crm.get(f"contacts({crm.create('contacts', new_eyes=30)})", prefer='odata.include-annotations="*"')
    assert row[f"new_eyes{odata.FORMATTED_VALUE}"] == "Green"
    picklists = f"{CONTACT}/Attributes/{odata.type_name('PicklistAttributeMetadata')}?$select=LogicalName"
    listed = crm.get(f"{picklists}&$expand=OptionSet($select=Options,IsGlobal)")["value"]
    eyes = next(each for each in listed if each["LogicalName"] == "new_eyes")
    assert eyes["OptionSet"]["IsGlobal"] is True
    assert [option["Value"] for option in eyes["OptionSet"]["Options"]] == [10, 20, 30]
    assert fault(crm.http.delete(path)) == (400, odata.HAS_DEPENDENCIES)
    for column in columns:
        assert crm.http.delete(column).status_code == 204
    assert crm.http.delete(path).status_code == 204
    assert crm.get("GlobalOptionSetDefinitions")["value"] == []


@pytest.mark.parametrize("shared", [False, True])
def test_options_come_and_go_one_by_one(crm: Crm, shared: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    """An option is added with the next value, renamed, and removed, of a column's own choice or of a global one."""
    name = "new_Shared" if shared else "new_Own"
    options = [{"Value": 1, "Label": label("One")}]
    if shared:
        made(crm.http.post("GlobalOptionSetDefinitions", json={"Name": "new_Many", "Options": options}))
    own = {"IsGlobal": True, "Name": "new_many"} if shared else {"Options": options}
    added(crm, "Picklist", name, OptionSet=own)
    place = {"EntityLogicalName": "contact", "AttributeLogicalName": name}
    place = {"OptionSetName": "new_many"} if shared else place
    new = crm.http.post("InsertOptionValue", json={**place, "Label": label("Two")}).json()["NewOptionValue"]
    assert fault(crm.http.post("InsertOptionValue", json={**place, "Value": 1}))[0] == 400
    assert crm.http.post("UpdateOptionValue", json={**place, "Value": new, "Label": label("2")}).status_code == 204
    key = crm.create("contacts", **{name.lower(): new})
    row = crm.get(f"contacts({key})", prefer='odata.include-annotations="*"')
    assert row[f"{name.lower()}{odata.FORMATTED_VALUE}"] == "2"
    assert crm.http.post("DeleteOptionValue", json={**place, "Value": new}).status_code == 204
    assert fault(crm.http.post("contacts", json={name.lower(): new})) == (400, odata.CHOICE_OUT_OF_RANGE)
    assert fault(crm.http.post("DeleteOptionValue", json={**place, "Value": new})) == (404, odata.NOT_FOUND)


def test_a_choice_that_does_not_exist_is_refused(crm: Crm) -> None:
    """A column cannot have a global choice that nobody made."""
    wanted = attribute("Picklist", "new_None", OptionSet={"IsGlobal": True, "Name": "new_nothing"})
    assert fault(crm.http.post(f"{CONTACT}/Attributes", json=wanted)) == (404, odata.NOT_FOUND)


def test_a_file_is_kept_whole(crm: Crm) -> None:
    """A file goes in and comes out with its name; another one takes its place; without it there is a 404."""
    added(crm, "File", "new_Contract", MaxSizeInKB=1)
    path = f"contacts({crm.create('contacts')})/new_contract"
    assert crm.http.get(f"{path}/$value").status_code == 404
    for content in (b"\x00first", b"second \xff"):
        sent = crm.http.patch(path, content=content, headers={odata.FILE_NAME: "a%20b.txt", "If-None-Match": "null"})
        assert sent.status_code == 204
    found = crm.http.get(f"{path}/$value")
    assert (found.content, found.headers[odata.FILE_NAME]) == (b"second \xff", "a%20b.txt")
    assert crm.http.patch(path, content=b"x" * 1025).status_code == 413
    assert crm.http.delete(path).status_code == 204
    assert crm.http.get(f"{path}/$value").status_code == 404


def test_a_file_is_kept_in_pieces(crm: Crm) -> None:
    """An upload in pieces gets an address; the file is there after the last piece, and not before."""
    added(crm, "Image", "new_Portrait")
    path = f"contacts({crm.create('contacts')})/new_portrait"
    begun = crm.http.patch(f"{path}?x-ms-file-name=p.png", headers={"x-ms-transfer-mode": "chunked"})
    assert int(begun.headers["x-ms-chunk-size"]) > 0
    for start, piece, status in ((0, b"abc", 206), (3, b"de", 204)):
        headers = {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/5"}
        assert crm.http.get(f"{path}/$value").status_code == 404
        assert crm.http.patch(begun.headers["Location"], content=piece, headers=headers).status_code == status
    assert crm.http.get(f"{path}/$value").content == b"abcde"


@pytest.mark.parametrize("piece", ["", "bytes 0-9/10", "bytes 2-1/5", "bytes 0-2/2", "bytes 3-5/6"])
def test_wrong_pieces_are_refused(crm: Crm, piece: str) -> None:
    """A piece whose range does not fit, or a last piece without those before it, is a 400."""
    crm.http.post(f"{CONTACT}/Attributes", json=attribute("File", "new_Broken"))
    path = f"contacts({crm.create('contacts')})/new_broken?sessiontoken=00000000-0000-0000-0000-000000000001"
    assert crm.http.patch(path, content=b"abc", headers={"Content-Range": piece}).status_code == 400

"""`$batch`: many requests in one, change sets all or nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstamp import odata

if TYPE_CHECKING:
    import httpx2
    from tests.embedded.conftest import Crm


@dataclass(frozen=True)
class Reply:
    """One reply inside of a batch's."""

    status: int
    headers: dict[str, str]
    text: str


def part(
    method: str, address: str, body: dict[str, Any] | None = None, *, content_id: str = "", prefer: str = ""
) -> str:
    """Return a request as a part of a batch."""
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head += [f"Content-ID: {content_id}"] if content_id else []
    request = [f"{method} {address} HTTP/1.1", "Content-Type: application/json; type=entry"]
    request += [f"Prefer: {prefer}"] if prefer else []
    return "\r\n".join([*head, "", *request, "", json.dumps(body) if body is not None else ""])


def together(*parts: str) -> str:
    """Return parts as a change set."""
    return f'Content-Type: multipart/mixed; boundary="set"\r\n\r\n{_joined("set", parts)}'


def _joined(boundary: str, parts: tuple[str, ...]) -> str:
    return "".join(f"--{boundary}\r\n{each}\r\n" for each in parts) + f"--{boundary}--\r\n"


def send(crm: Crm, *parts: str, prefer: str = "", line_end: str = "\r\n") -> httpx2.Response:
    """Send a batch."""
    headers = {"Content-Type": 'multipart/mixed; boundary="batch"'} | ({"Prefer": prefer} if prefer else {})
    content = _joined("batch", parts).replace("\r\n", line_end)
    return crm.http.post("$batch", content=content.encode(), headers=headers)


def replies(response: httpx2.Response) -> list[Reply]:
    """Return the replies of a batch in order; those of a change set stand where it stood."""
    assert response.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_"), response.text
    chunks = re.split(r"HTTP/1\.1 (\d{3})[^\r]*\r\n", response.text)[1:]
    return [_reply(int(status), text) for status, text in zip(chunks[::2], chunks[1::2], strict=True)]


def _reply(status: int, text: str) -> Reply:
    head, _, body = text.partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n"))
    return Reply(status, headers, body.partition("\r\n--")[0])


def test_requests_are_answered_in_order(crm: Crm) -> None:
    """Writes and reads in one batch, by relative, rooted and absolute addresses, with raw spaces and quotes."""
    mark = f"Ann {uuid4()}"
    filtered = f"contacts?$select=lastname&$filter=lastname eq '{mark}' and contains(lastname, 'a')"
    answered = replies(
        send(
            crm,
            part("POST", "contacts", {"lastname": mark}),
            part("GET", f"{crm.url}{odata.API_PATH}{filtered}"),
            part("GET", f"{odata.API_PATH}{filtered}"),
            part("GET", filtered.replace(" ", "%20")),
        )
    )
    key = odata.record_id(answered[0].headers[odata.ENTITY_ID])
    assert [reply.status for reply in answered] == [204, 200, 200, 200]
    assert [json.loads(reply.text)["value"][0]["contactid"] for reply in answered[1:]] == [key] * 3


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_line_ends_do_not_matter(crm: Crm, line_end: str) -> None:
    """A batch may be written with carriage returns or without."""
    response = send(crm, part("GET", "WhoAmI"), together(part("POST", "leads", {"lastname": "L"})), line_end=line_end)
    assert [reply.status for reply in replies(response)] == [200, 204]


def test_a_plus_sign_in_a_raw_address_is_one(crm: Crm) -> None:
    """Where the address is not encoded, a plus sign is no space."""
    mark = f"a+b {uuid4()}"
    crm.create("contacts", lastname=mark)
    [answered] = replies(send(crm, part("GET", f"contacts?$filter=lastname eq '{mark}'")))
    assert len(json.loads(answered.text)["value"]) == 1


def test_a_batch_stops_at_the_first_failure(crm: Crm) -> None:
    """The failed request is the last that has a reply, what came before it stays, and the outer status tells."""
    mark = str(uuid4())
    made, missing = part("POST", "contacts", {"lastname": mark}), part("GET", f"contacts({uuid4()})")
    response = send(crm, made, missing, made)
    assert response.status_code == 400
    assert [reply.status for reply in replies(response)] == [204, 404]
    assert len(crm.rows(f"contacts?$filter=lastname eq '{mark}'")) == 1


def test_a_batch_can_go_on(crm: Crm) -> None:
    """With `odata.continue-on-error` every request has its reply, errors as error objects."""
    missing, wrong = part("GET", f"contacts({uuid4()})"), part("POST", "contacts", {"nothing": 1})
    response = send(crm, missing, together(wrong), part("GET", "WhoAmI"), prefer=odata.CONTINUE_ON_ERROR)
    answered = replies(response)
    assert (response.status_code, [reply.status for reply in answered]) == (200, [404, 400, 200])
    assert json.loads(answered[0].text)["error"]["code"] == odata.NOT_FOUND


def test_a_change_set_is_kept_or_undone_as_a_whole(crm: Crm) -> None:
    """One member that fails undoes those before it; the change set has one reply, which names no row."""
    mark = str(uuid4())
    made = part("POST", "contacts", {"lastname": mark}, content_id="1")
    response = send(crm, together(made, part("DELETE", f"contacts({uuid4()})", content_id="2")))
    [answered] = replies(response)
    assert (response.status_code, answered.status) == (400, 404)
    assert odata.ENTITY_ID not in answered.headers
    assert crm.rows(f"contacts?$filter=lastname eq '{mark}'") == []


def test_members_of_a_change_set_refer_to_each_other(crm: Crm) -> None:
    """`$n` stands for a created row as the whole address, as its beginning, and in a link; ids are echoed."""
    members = together(
        part("POST", "leads", {"lastname": "First"}, content_id="1"),
        part("POST", "contacts", {"lastname": "Draft"}, content_id="2"),
        part("POST", "accounts", {"name": "Linked", "originatingleadid@odata.bind": "$1"}, content_id="3"),
        part("PATCH", "$2", {"lastname": "Final"}, content_id="4"),
        part("PATCH", "$3", {"primarycontactid@odata.bind": "/$2"}, content_id="5"),
        part("DELETE", f"contacts({crm.create('contacts')})", content_id="6"),
    )
    response = send(crm, members)
    answered = replies(response)
    assert [reply.status for reply in answered] == [204] * 6
    assert re.findall(r"Content-ID: (\d)", response.text) == ["1", "2", "3", "4", "5", "6"]
    lead, contact, account = (odata.record_id(reply.headers[odata.ENTITY_ID]) for reply in answered[:3])
    row = crm.get(f"accounts({account})?$expand=primarycontactid($select=lastname)")
    assert (row["_originatingleadid_value"], row["_primarycontactid_value"]) == (lead, contact)
    assert row["primarycontactid"]["lastname"] == "Final"


@pytest.mark.parametrize("address", ["$7", "contacts"])
def test_a_reference_forward_is_refused(crm: Crm, address: str) -> None:
    """A Content-ID that nothing has been created for is a 400 that names it."""
    member = part("PATCH" if address == "$7" else "POST", address, {"parentcustomerid_contact@odata.bind": "$7"})
    [answered] = replies(send(crm, together(member, part("POST", "contacts", {}, content_id="7"))))
    message = json.loads(answered.text)["error"]["message"]
    assert message == "Content-ID Reference: '$7' does not exist in the batch context."


@pytest.mark.parametrize(
    "wrong",
    [
        part("POST", "$batch", {}),
        together(part("GET", "WhoAmI")),
        together(part("DELETE", "EntityDefinitions(LogicalName='lead')")),
        part("GET", "x" * 70_000),
        part("GET", "/elsewhere"),
        "Content-Type: application/http\r\n\r\nnonsense",
        "",
    ],
)
def test_what_does_not_belong_into_a_batch_is_refused(crm: Crm, wrong: str) -> None:
    """A batch in a batch, a read in a change set, and what is no request are refused by their part alone."""
    answered = replies(send(crm, wrong, part("GET", "WhoAmI"), prefer=odata.CONTINUE_ON_ERROR))
    assert 400 <= answered[0].status < 500
    assert answered[1].status == 200


MARKS = ("--b", "--b--", "--c", "", "GET contacts HTTP/1.1", "Content-Type: multipart/mixed; boundary=c", "$1", "(('")


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=20), max_size=30), st.sampled_from(["\r\n", "\n", "\r"]))
def test_any_body_is_understood_or_refused(crm: Crm, lines: list[str], line_end: str) -> None:
    """Whatever lines a batch is made of, the reply is a batch's or a refusal."""
    content = line_end.join(lines).encode("utf-8", "replace")
    response = crm.http.post("$batch", content=content, headers={"Content-Type": "multipart/mixed; boundary=b"})
    assert response.status_code in {200, 400}
    assert "HTTP/1.1 5" not in response.text


@given(st.text(alphabet="contacts()',=/$[]1\"%@ \x00é", max_size=40))
def test_any_address_is_understood_or_refused(crm: Crm, address: str) -> None:
    """Whatever the address of a request in a batch is, it is answered, or refused as the client's mistake."""
    response = send(crm, part("GET", f"contacts{address}"), part("PATCH", address, {}), prefer=odata.CONTINUE_ON_ERROR)
    assert response.status_code == 200
    assert "HTTP/1.1 5" not in response.text


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", "{}"),
        ("multipart/mixed", "--b\r\n"),
        ("multipart/mixed; boundary=b", ""),
        ("multipart/mixed; boundary=b", _joined("b", (part("GET", "WhoAmI"),) * 1001)),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(crm: Crm, content_type: str, content: str) -> None:
    """Without a boundary, without requests, or with too many the reply is one error object."""
    response = crm.http.post("$batch", content=content.encode(), headers={"Content-Type": content_type})
    assert (response.status_code, response.json()["error"]["code"]) == (400, odata.BAD_QUERY)

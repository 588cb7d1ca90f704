"""Several requests in one, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstamp import errors, http
from backstamp.connect.dataverse import multipart

ANSWER = http.Answer(200, {"Content-Type": "multipart/mixed; boundary=batchresponse_1"}, b"")


def parts(*answers: str) -> http.Answer:
    """A batch's answer, line ends as on the wire."""
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    body = "".join(f"--batchresponse_1\r\n{head}{answer}\r\n" for answer in answers) + "--batchresponse_1--\r\n"
    return http.Answer(200, ANSWER.headers, body.encode())


def test_what_is_sent() -> None:
    """A batch names each request with its headers and its JSON, between boundaries, every line ended by CR and LF."""
    part = multipart.Part("PATCH", "contacts(1)?tag=t", {"If-Match": "*"}, {"lastname": "Ö"})
    assert multipart.write([part], "b").decode().split("\r\n") == [
        "--b",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        "PATCH /api/data/v9.2/contacts(1)?tag=t HTTP/1.1",
        "Content-Type: application/json",
        "If-Match: *",
        "",
        '{"lastname":"Ö"}',
        "--b--",
        "",
    ]


def test_what_comes_back() -> None:
    """Each answer has its status, its headers and its body, which may be empty."""
    error = '{"error":{"code":"0x80040217","message":"--gone"}}'
    came = parts(
        "HTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n",
        f"HTTP/1.1 404 Not Found\r\nretry-after: 3\r\nContent-Type: application/json\r\n\r\n{error}\r\n",
        "HTTP/1.1 200 OK\r\n\r\n{}",
    )
    first, second, third = multipart.read(came, 3)
    assert (first.status, first.body) == (204, b"")
    assert (second.status, second.headers["Retry-After"], second.body) == (404, "3", error.encode())
    assert (third.status, third.json()) == (200, {})


@pytest.mark.parametrize("answer", [parts(), parts("HTTP/1.1 204 No Content\r\n\r\n"), http.Answer(200, {}, b"{}")])
def test_answers_are_missing(answer: http.Answer) -> None:
    """Fewer answers than requests leave open what was done: nothing is taken for written."""
    with pytest.raises(errors.TransientError, match=r"of 2 requests of a batch"):
        multipart.read(answer, 2)


@given(st.lists(st.tuples(st.integers(200, 599), st.text(max_size=20)), max_size=6))
def test_answers_keep_their_order(given: list[tuple[int, str]]) -> None:
    """Whatever the answers say, as many come out as went in, each in its place."""
    answers = [f"HTTP/1.1 {status} X\r\nA: b\r\n\r\n{http.as_json(text).decode()}" for status, text in given]
    found = multipart.read(parts(*answers), len(given))
    assert [(answer.status, answer.json()) for answer in found] == given

"""What goes wrong by setting: each kind does what it says, to the requests it is about, and equally each time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest
from tests.embedded.conftest import TOKENS, Crm, fault

from backstamp import embedded, odata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "00000000-0000-0000-0000-000000000007"


def going_wrong(kind: str, **values: object) -> embedded.Mishap:
    """Return a mishap, its settings spelled as in a file."""
    return embedded.Mishap.model_validate({"kind": kind, **values})


@contextmanager
def troubled(folder: Path, *mishaps: embedded.Mishap, seed: int = 0) -> Iterator[Crm]:
    """Serve a CRM in which something goes wrong; give its administrator."""
    settings = embedded.Settings(database_url=f"sqlite:///{folder / 'crm.sqlite'}", mishaps=mishaps, seed=seed)
    with embedded.serving(settings, TOKENS) as url:
        crm = Crm(url)
        with crm.http:
            yield crm


def write(crm: Crm, patience: float = 60) -> httpx2.Response:
    """Write one row, again and again the same; wait so many seconds for the answer."""
    return crm.http.patch(f"contacts({KEY})", json={"lastname": "Written"}, timeout=patience)


def is_written(crm: Crm) -> bool:
    """Tell whether the row is there."""
    return crm.http.get(f"contacts({KEY})").status_code == 200


@pytest.mark.parametrize(("kind", "written"), [("timeout before", False), ("timeout after", True)])
def test_time_outs(tmp_path: Path, kind: str, written: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The client waits in vain; its row is written or not, as the kind says."""
    mishap = going_wrong(kind, methods={"PATCH"}, at={1}, seconds=6)
    with troubled(tmp_path, mishap) as crm:
        with pytest.raises(httpx2.ReadTimeout):
            write(crm, patience=3)
        assert is_written(crm) is written
        assert write(crm).status_code == 204


def test_a_time_out_ends_in_a_cut_connection(tmp_path: Path) -> None:
    """Whoever is patient learns after a while that no answer comes."""
    with troubled(tmp_path, going_wrong("timeout before", at={1}, seconds=0.2)) as crm:
        with pytest.raises(httpx2.RemoteProtocolError):
            write(crm)
        assert write(crm).status_code == 204


def test_a_cut_connection(tmp_path: Path) -> None:
    """The reply breaks off, though the row is written."""
    with troubled(tmp_path, going_wrong("cut", methods={"PATCH"}, at={1})) as crm:
        with pytest.raises(httpx2.RemoteProtocolError):
            write(crm)
        assert is_written(crm)


def test_an_error_after_the_write(tmp_path: Path) -> None:
    """The server says 500, though the row is written."""
    with troubled(tmp_path, going_wrong("error after", methods={"PATCH"}, at={1})) as crm:
        assert fault(write(crm)) == (500, odata.UNEXPECTED)
        assert is_written(crm)


def test_a_deadlock(tmp_path: Path) -> None:
    """The server says that it met a deadlock, error 1205, and nothing is written."""
    with troubled(tmp_path, going_wrong("deadlock", methods={"PATCH"}, at={1})) as crm:
        refused = write(crm)
        assert fault(refused) == (500, odata.DEADLOCK)
        assert "1205" in refused.text
        assert not is_written(crm)


def test_an_unavailable_service(tmp_path: Path) -> None:
    """The server says 503, and nothing is written."""
    with troubled(tmp_path, going_wrong("unavailable", methods={"PATCH"}, at={1})) as crm:
        assert write(crm).status_code == 503
        assert not is_written(crm)


def test_an_expired_delta_link(tmp_path: Path) -> None:
    """A delta link is told to have expired; first reads are not touched, and the next attempt goes on."""
    with troubled(tmp_path, going_wrong("expired delta", at={1})) as crm:
        link = crm.get("contacts?$select=lastname", prefer=odata.TRACK_CHANGES)[odata.DELTA_LINK]
        assert fault(crm.http.get(link)) == (400, odata.DELTA_EXPIRED)
        assert crm.get(link)["value"] == []


def test_a_mishap_is_about_some_requests_only(tmp_path: Path) -> None:
    """Methods and paths choose; the n-th of those is struck."""
    mishap = going_wrong("unavailable", methods={"GET"}, path="leads", at={2, 3})
    with troubled(tmp_path, mishap) as crm:
        assert [crm.http.get("contacts").status_code for _ in range(4)] == [200] * 4
        assert [crm.http.get("leads").status_code for _ in range(4)] == [200, 503, 503, 200]


def test_chance_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """A rate strikes about so many requests; an equal seed strikes the same ones, another seed others."""
    mishap = going_wrong("unavailable", rate=0.3)

    def struck(seed: int) -> list[int]:
        with troubled(tmp_path, mishap, seed=seed) as crm:
            return [crm.http.get("WhoAmI").status_code for _ in range(60)]

    first, again, other = struck(1), struck(1), struck(2)
    assert first == again != other
    assert 5 < first.count(503) < 35

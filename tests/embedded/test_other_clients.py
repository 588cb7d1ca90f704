"""Clients that we did not write, besides Microsoft's: its asynchronous twin, and a general client of OData."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from odata.service import ODataService
from tests.embedded.conftest import ADMINISTRATOR_TOKEN, TOKENS, Crm

from backstamp import embedded, odata

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PEOPLE = 7


def test_microsofts_asynchronous_client(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It makes a table, and creates, reads, queries, changes and deletes rows, several at once, over https."""
    tls = embedded.authority.prepare(tmp_path_factory.mktemp("tls"))
    environment = {**os.environ, "SSL_CERT_FILE": str(tls.authority)}
    with embedded.serving(embedded.Settings(database_url=database_url), TOKENS, tls=tls) as address:
        program = [sys.executable, "-m", "tests.embedded.asynchronous", address]
        ended = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.fixture
def service(database_url: str) -> Iterator[ODataService]:
    """python-odata, which makes its classes of `$metadata`, at a CRM with small pages and a few people."""
    settings = embedded.Settings(database_url=database_url, max_page_size=3)
    with embedded.serving(settings, TOKENS) as address, requests.Session() as session:
        crm = Crm(address)
        with crm.http:
            company = crm.create("accounts", name="O'Hara & Söhne")
            for number in range(PEOPLE):
                bound = {f"parentcustomerid_account{odata.BIND}": f"accounts({company})"}
                crm.create("contacts", firstname=f"F{number}", birthdate="1980-02-29", **bound)
        session.headers[odata.AUTHORIZATION] = f"Bearer {ADMINISTRATOR_TOKEN}"
        yield ODataService(f"{address}{odata.API_PATH}", session=session, reflect_entities=True)


def test_a_general_client_reads(service: ODataService) -> None:
    """It finds tables, types and navigation in `$metadata`, filters, sorts, expands, counts, and follows pages."""
    person = service.entities["contacts"]
    assert [each.firstname for each in service.query(person).order_by(person.firstname.asc())] == [
        f"F{number}" for number in range(PEOPLE)
    ]
    chosen = service.query(person).filter((person.firstname > "F4") | person.firstname.contains("0"))
    assert [each.firstname for each in chosen.order_by(person.firstname.desc()).limit(2).all()] == ["F6", "F5"]
    assert {each.birthdate for each in chosen} == {"1980-02-29"}
    bound = service.query(person).expand(person.parentcustomerid_account).order_by(person.firstname.asc())
    assert [each.parentcustomerid_account.name for each in bound] == ["O'Hara & Söhne"] * PEOPLE

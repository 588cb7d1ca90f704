"""TLS: an authority of one's own, and clients that insist on HTTPS, as they are."""

from __future__ import annotations

import datetime as dt
import ssl
import stat
from typing import TYPE_CHECKING

import azure.identity
import httpx2
import PowerPlatform.Dataverse.client as microsoft
import pytest
from cryptography import x509
from tests.embedded.conftest import ADMINISTRATOR_TOKEN, TOKENS, Administrator

from backstamp import embedded, errors, odata
from backstamp.connect import dataverse
from backstamp.embedded import applications, identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from backstamp.embedded.authority import Tls


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> embedded.Settings:
    """A CRM of this module."""
    return embedded.Settings(database_url=f"sqlite:///{tmp_path_factory.mktemp('tls') / 'crm.sqlite'}")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """Its certificates."""
    return embedded.authority.prepare(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def url(settings: embedded.Settings, tls: Tls) -> Iterator[str]:
    """Where it answers."""
    with embedded.serving(settings, TOKENS, tls=tls) as url:
        yield url


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tls: Tls) -> None:
    """The authority is trusted, by the variables that clients in Python look at."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.authority))


def who(address: str, trust: ssl.SSLContext) -> int:
    """Say hello."""
    headers = {odata.AUTHORIZATION: f"Bearer {ADMINISTRATOR_TOKEN}"}
    return httpx2.get(f"{address}{odata.API_PATH}WhoAmI", headers=headers, verify=trust).status_code


def test_who_trusts_the_authority_is_served(url: str, tls: Tls) -> None:
    """Both names of this machine are on the certificate; strict verification is content; strangers refuse it."""
    trust = ssl.create_default_context(cafile=str(tls.authority))
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    assert url.startswith("https://127.0.0.1:")
    assert who(url, trust) == 200
    assert who(url.replace("127.0.0.1", "localhost"), trust) == 200
    with pytest.raises(httpx2.ConnectError, match="certificate"):
        who(url, ssl.create_default_context())


def test_certificates_are_kept_private_and_used_again(tmp_path: Path) -> None:
    """The files can be read by their owner only, and a second start finds them."""
    first = embedded.authority.prepare(tmp_path / "tls")
    files = {file: file.read_bytes() for file in (tmp_path / "tls").iterdir()}
    assert {file.name for file in files} == {"authority.pem", "authority.key", "server.pem"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert embedded.authority.prepare(tmp_path / "tls") == first
    assert files == {file: file.read_bytes() for file in files}


def test_the_server_certificate_is_renewed_in_time(tmp_path: Path) -> None:
    """Near its end it is made anew by the same authority, so that clients need trust nothing new."""
    tls = embedded.authority.prepare(tmp_path)
    authority, server = tls.authority.read_bytes(), tls.server.read_bytes()
    ends = x509.load_pem_x509_certificate(server).not_valid_after_utc
    embedded.authority.prepare(tmp_path, now=ends - dt.timedelta(days=31))
    assert tls.server.read_bytes() == server
    embedded.authority.prepare(tmp_path, now=ends - dt.timedelta(days=29))
    renewed = x509.load_pem_x509_certificate(tls.server.read_bytes())
    assert renewed.not_valid_after_utc > ends
    renewed.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    assert tls.authority.read_bytes() == authority


def test_what_is_no_certificate_is_told(tmp_path: Path) -> None:
    """A folder with other things in these files is a mistake of the user."""
    tls = embedded.authority.prepare(tmp_path)
    tls.server.write_text("nothing")
    with pytest.raises(errors.ConfigurationError, match="no certificates"):
        embedded.authority.prepare(tmp_path)


@pytest.mark.usefixtures("trusted")
def test_microsofts_client_works(url: str) -> None:
    """Microsoft's client, as it comes, creates, reads, changes, lists and deletes rows over HTTPS."""
    with microsoft.DataverseClient(url, Administrator()) as client:
        key = client.records.create("contact", {"firstname": "Ada", "lastname": "Lovelace"})
        row = client.records.retrieve("contact", key, select=["fullname"])
        assert row is not None
        assert row["fullname"] == "Ada Lovelace"
        client.records.update("contact", key, {"jobtitle": "Mathematician"})
        listed = client.records.list("contact", filter="jobtitle eq 'Mathematician'", select=["lastname"])
        assert [each["lastname"] for each in listed] == ["Lovelace"]
        client.records.delete("contact", key)
        assert client.records.retrieve("contact", key) is None


@pytest.mark.usefixtures("trusted")
def test_the_credential_of_azure_identity_signs_in(url: str, settings: embedded.Settings) -> None:
    """A client secret, by Microsoft's own library, gets tokens from the CRM; our connector works with it."""
    with applications.administering(settings) as session:
        made = applications.add(session, "Robot", privileges=["prvReadContact"])
    credential = azure.identity.ClientSecretCredential(
        identity.TENANT, made.client_id, made.client_secret, authority=url, disable_instance_discovery=True
    )
    with credential, dataverse.Dataverse(url, credential) as crm:
        assert crm.define("contact").key == "contactid"
        assert list(crm.read("contact", ["lastname"]))
        with pytest.raises(errors.UnauthorizedError, match="right"):
            list(crm.read("lead", ["lastname"]))

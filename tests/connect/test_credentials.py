"""How tokens are got, and that nothing secret is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from backstamp import errors
from backstamp.connect import dataverse
from backstamp.connect.dataverse import credentials

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://contoso.crm.dynamics.com"
SECRET = "do not tell"


class Given(NamedTuple):
    """A token as azure-identity gives it."""

    token: str
    expires_on: float


class Counting:
    """A credential that keeps no token, as that of `az login`; counts how often it is asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.scopes: list[str] = []

    def get_token(self, *scopes: str) -> Given:
        """Give a new token."""
        self.scopes += scopes
        return Given(f"token {len(self.scopes)}", time.time() + self.seconds)


def test_token_is_kept() -> None:
    """A token is asked for once for as long as it is good, and again shortly before it runs out."""
    lasting, short = Counting(3600), Counting(200)
    kept, soon_over = (credentials.giver(f"{URL}/", one) for one in (lasting, short))
    assert [kept(), kept()] == ["token 1", "token 1"]
    assert [soon_over(), soon_over()] == ["token 1", "token 2"]
    assert lasting.scopes == [f"{URL}/.default"]


def test_nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no one is signed in to Azure the way to do so is told."""
    pytest.importorskip("azure.identity")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(errors.UnauthorizedError, match=r"no token for https://contoso\S+: sign in with `az login`"):
        dataverse.signed_in(URL, "cli", None, None)()


def test_certificate_that_is_none(tmp_path: Path) -> None:
    """A file that is no certificate is told before anything is asked, without its content or its password."""
    pytest.importorskip("azure.identity")
    file = tmp_path / "app.pem"
    for content in (None, SECRET):
        if content:
            file.write_text(content)
        with pytest.raises(errors.ConfigurationError, match="check tenant_id, client_id and certificate") as raised:
            dataverse.certificate(URL, "tenant", "client", file, SECRET)
        assert SECRET not in repr(raised.value)
        assert raised.value.__suppress_context__


def test_tenant_that_is_none() -> None:
    """Settings that Azure takes for nothing are told without the secret beside them."""
    pytest.importorskip("azure.identity")
    with pytest.raises(errors.ConfigurationError, match="check tenant_id") as raised:
        dataverse.client_secret(URL, "no/tenant", "client", SECRET)
    assert SECRET not in repr(raised.value)

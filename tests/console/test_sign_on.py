"""Single sign-on, against a real provider of OpenID Connect on this machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.console import Served, name_of
from tests.console.conftest import serving
from tests.console.provider import CLIENT, SECRET, Provider, provided

from backstamp import runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider."""
    with provided() as found:
        yield found


@pytest.fixture(autouse=True)
def honest(provider: Provider) -> None:
    """Each test begins with a provider that tells the truth."""
    provider.claims, provider.signs_with = {}, None


@pytest.fixture(scope="module")
def signing_on(demo_file: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Served]:
    """The console of a project whose users come by the provider."""
    folder = tmp_path_factory.mktemp("sign-on") / "copy"
    shutil.copytree(demo_file.parent, folder)
    file = folder / "backstamp.yaml"
    settings = f"issuer: {provider.url}, client_id: {CLIENT}, client_secret: '${{CONSOLE_SECRET}}', name: Example"
    file.write_text(f"{file.read_text()}\nconsole: {{single_sign_on: {{{settings}}}}}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSOLE_SECRET", SECRET)
        with serving(file) as found:
            yield found


def come(served: Served, **changed: str) -> httpx2.Response:
    """Sign on as a browser does, the query that the provider leads back with changed; return the console's answer."""
    with httpx2.Client(trust_env=False, timeout=300) as browser:
        led = browser.get(served.url + "/login/provider?next=/account").headers["location"]
        back = httpx2.URL(browser.get(led).headers["location"])
        return browser.get(back.copy_merge_params(changed))


def test_in_a_browser(page: Page, signing_on: Served) -> None:
    """The button leads to the provider and back; who comes first is a viewer, under the provider's name."""
    page.goto(signing_on.url)
    page.get_by_role("link", name="Sign in with Example").click()
    page.wait_for_url(signing_on.url + "/")
    assert page.get_by_role("link", name="Grace viewer").is_visible()
    page.goto(signing_on.url + "/settings/users")
    assert page.get_by_role("heading", level=1).inner_text() == "This is not for you"


def test_the_same_person(signing_on: Served, provider: Provider) -> None:
    """Who comes again is the same user, whatever the name is now; another of that name is somebody else."""
    assert come(signing_on).headers["location"] == "/account"
    before = {user.name for user in signing_on.site.users.listed()}
    provider.claims = {"preferred_username": name_of(runs.Role.ADMINISTRATOR)}
    assert come(signing_on).status_code == 303
    assert {user.name for user in signing_on.site.users.listed()} == before
    provider.claims |= {"sub": "mallory"}
    assert come(signing_on).status_code == 303
    [made] = [user for user in signing_on.site.users.listed() if user.name not in before]
    assert (made.role, made.signs_in_by) == (runs.Role.VIEWER, "provider")
    assert made.name.startswith(name_of(runs.Role.ADMINISTRATOR) + " (")


def test_shut_out(signing_on: Served, provider: Provider) -> None:
    """Whom an administrator shut out stays out, though the provider vouches."""
    provider.claims = {"sub": "leaver", "preferred_username": "Leaver"}
    assert come(signing_on).status_code == 303
    signing_on.site.users.change("Leaver", by="test", disabled=True)
    assert come(signing_on).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [{"aud": "another"}, {"iss": "http://127.0.0.1:1"}, {"exp": 1}, {"nonce": "of another sign-on"}, {"iat": 2**33}],
    ids=lambda claims: next(iter(claims)),
)
def test_words_that_prove_nothing(signing_on: Served, provider: Provider, claims: dict[str, Any]) -> None:
    """A token for somebody else, of somebody else, of another time or another sign-on lets nobody in."""
    provider.claims = claims
    answer = come(signing_on)
    assert (answer.status_code, "backstamp_session" in answer.headers.get("set-cookie", "")) == (502, False)


def test_a_signature_of_another(signing_on: Served, provider: Provider) -> None:
    """A token that another key signed lets nobody in."""
    provider.signs_with = rsa.generate_private_key(65537, 2048)
    assert come(signing_on).status_code == 502


def test_not_begun_here(signing_on: Served) -> None:
    """Who comes back with another state, with no code, or with a code twice is not let in."""
    assert come(signing_on, state="another").status_code == 403
    assert come(signing_on, code="").status_code == 403
    assert come(signing_on, code="guessed").status_code == 502
    assert httpx2.get(signing_on.url + "/login/callback?state=&code=x", trust_env=False, timeout=300).status_code == 403


def test_where_one_goes_then(signing_on: Served) -> None:
    """A sign-on leads on inside the console only."""
    with httpx2.Client(trust_env=False, timeout=300) as browser:
        led = browser.get(signing_on.url + "/login/provider?next=https://elsewhere.example").headers["location"]
        back = browser.get(led).headers["location"]
        assert browser.get(back).headers["location"] == "/"


def test_without_a_provider(served: Served) -> None:
    """A project without a provider has no such way in."""
    for path in ("/login/provider", "/login/callback"):
        answer = httpx2.get(served.url + path, trust_env=False, timeout=300)
        assert answer.status_code == 404

"""A project file that is right: what is read from it and what is shown of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.project import EXAMPLE, changed, load

from backstamp import engine, errors, project
from backstamp.connect import files
from backstamp.unify import settings

if TYPE_CHECKING:
    from backstamp.project import Project

EMBEDDED = changed(
    (EXAMPLE[EXAMPLE.index("  kind: dataverse") : EXAMPLE.index("sources:")], "  kind: embedded\n"),
)


def test_sections() -> None:
    """Every section of the file is read into the settings of its room, short forms into their long ones."""
    read = load(EXAMPLE)
    assert read.sources["crm"].tables == ("contact", "lead")
    assert read.sources["loyalty"].tables == {"member": files.FileTable("data/members.csv", key="memberid")}
    assert [table.deduplicate for table in read.unify.tables[1:]] == [settings.Deduplicate(), "off"]
    assert read.unify.match[0].rules[0].match[1].per_cent == 80
    assert read.unify.profile.columns["Email"].sources[1] == "crm.lead.emailaddress1"
    assert read.relationships[0].from_table == "shop.purchase"
    assert (read.measures["OpenPurchases"].where, read.hydrate) == ("status = 'open'", ("attributes",))
    assert (read.link.display_name, read.link.prefix) == ("Profile", "msdynci_")
    assert read.engine == engine.DuckDBSettings(threads=2, memory="8GB")


def test_spark() -> None:
    """Another engine is named by its kind, with settings of its own."""
    said = "engine: {kind: spark, master: spark://head:7077, options: {spark.executor.memory: 4g}}"
    read = load(changed(("engine: {threads: 2, memory: 8GB}", said)))
    assert read.engine == engine.SparkSettings(master="spark://head:7077", options={"spark.executor.memory": "4g"})


def test_folder() -> None:
    """Paths start at the folder of the file, and backstamp keeps its own things beside it."""
    Path("company").mkdir()
    Path("company/backstamp.yaml").write_text(EMBEDDED, encoding="utf-8")
    read = project.load(Path("company/backstamp.yaml"))
    assert (read.folder, read.state) == (Path("company"), Path("company/.backstamp"))


def test_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is a file beside the project, or where its URL says; it is found also where the rest is wrong."""
    own, there = Path(".backstamp/ledger.sqlite"), "postgresql://backstamp:hunter2@db/ledger"
    assert load(EXAMPLE).ledger_location == own
    monkeypatch.setenv("BACKSTAMP_TEST_LEDGER", there)
    named = changed(("engine:", "ledger: {url: '${BACKSTAMP_TEST_LEDGER}'}\nengine:"))
    assert load(named).ledger_location == there
    assert "hunter2" not in project.show(load(named)) + repr(load(named))
    for text, location in ((named, there), (EXAMPLE, own)):
        Path("wrong.yaml").write_text(f"nonsense: true\n{text}", encoding="utf-8")
        assert project.find_ledger(Path("wrong.yaml")) == location


def test_environment_defaults() -> None:
    """The embedded environment needs nothing but its kind."""
    assert load(EMBEDDED).environment == project.Embedded("embedded", "individuals", 7, expire_on_metadata_change=True)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (
            "crm.contact",
            {"fullname", "emailaddress1", "statecode", "modifiedon", "telephone1", "lastname", "address1_city"},
        ),
        ("crm.lead", {"mobilephone", "lastname", "emailaddress1", "address1_city", "modifiedon"}),
        ("loyalty.member", {"email"}),
        ("shop.purchase", {"contactid", "amount", "status"}),
    ],
)
def test_columns_of(table: str, columns: set[str]) -> None:
    """The columns of a table are those that some section names, without its key, each once."""
    found = load(EXAMPLE).columns_of(table)
    assert set(found) == columns
    assert len(found) == len(columns)


def test_secret_is_masked() -> None:
    """A secret comes from its variable, and neither the repr nor what is shown has it."""
    read = load(EXAMPLE)
    assert isinstance(read.environment, project.DataverseOrganization)
    assert isinstance(read.environment.credential, project.ClientSecret)
    assert read.environment.credential.client_secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(read)
    assert yaml.safe_load(project.show(read))["environment"]["credential"]["client_secret"] == "**********"


def test_token() -> None:
    """A bearer token may stand in the place of an application's secret, and is masked as well."""
    credential = "{tenant_id: 8f0e, client_id: 5c1d, client_secret: ${BACKSTAMP_TEST_SECRET}}"
    read = load(changed((credential, '{token: "${BACKSTAMP_TEST_SECRET}"}')))
    assert isinstance(read.environment, project.DataverseOrganization)
    assert isinstance(read.environment.credential, project.Token)
    assert read.environment.credential.token.get_secret_value() == "s3cret"
    assert "s3cret" not in project.show(read) + repr(read)


def test_variable_inside_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable may be a part of a value, and may stand for a number."""
    monkeypatch.setenv("BACKSTAMP_TEST_THREADS", "3")
    read = load(changed(("contoso", "${BACKSTAMP_TEST_SECRET}x"), ("threads: 2", "threads: ${BACKSTAMP_TEST_THREADS}")))
    assert isinstance(read.environment, project.DataverseOrganization)
    assert read.environment.url == "https://s3cretx.crm.dynamics.com"
    assert read.engine == engine.DuckDBSettings(threads=3, memory="8GB")


def test_this_machine() -> None:
    """The embedded CRM, reached as an organization on this machine, may do without TLS."""
    read = load(changed(("https://contoso.crm.dynamics.com", "http://127.0.0.1:5005")))
    assert isinstance(read.environment, project.DataverseOrganization)
    assert read.environment.url == "http://127.0.0.1:5005"


def test_show_is_a_project_file() -> None:
    """What is shown has every default in it, and is itself a file that says the same."""
    read = load(EMBEDDED)
    shown = project.show(read)
    for default in ("max_rows_per_key: 1000", "keep: most_filled", "prefix: msdynci_", "delta_days: 7"):
        assert default in shown
    assert settings_of(load(shown)) == settings_of(read)


def settings_of(read: Project) -> list[object]:
    """What a project says, without where."""
    return [getattr(read, field.name) for field in dataclasses.fields(read) if field.name != "document"]


def test_plain_words_are_text() -> None:
    """Words that older YAML takes for truth, numbers with a leading zero and dates are text, as they look."""
    read = load(changed(("where: {statecode: 0}", "where: {a: no, b: 012, c: 2024-02-30, d: 'true', e: true, f: -3}")))
    assert read.unify.tables[0].where == {"a": "no", "b": "012", "c": "2024-02-30", "d": "true", "e": True, "f": -3}


def test_alias() -> None:
    """What stands in the file once may be named again by a YAML alias, and is located where it stands."""
    read = load(changed(("[{column: emailaddress1,", "[&email {column: emailaddress1,"), ("keep:", "keep: &keep")))
    assert read.unify.tables[0].deduplicate == load(EXAMPLE).unify.tables[0].deduplicate


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("unify", "match", 0, "rules", 0, "match", 1, "columns", 1), "backstamp.yaml:37:36"),
        (("unify", "tables", 0, "types", "emailaddress1"), "backstamp.yaml:19:42"),
        (("unify", "profile", "columns", "Email", "from", 2), "backstamp.yaml:43:73"),
        (("sources", "loyalty", "tables", "member", "key"), "backstamp.yaml:10:35"),
        (("link", "prefix"), "backstamp.yaml:53:1"),
        ((), "backstamp.yaml:1:1"),
    ],
)
def test_locate(path: tuple[str | int, ...], place: str) -> None:
    """A setting stands where its key or item does; one that is left out stands where it would be."""
    assert str(load(EXAMPLE).locate(path)) == place


def test_reject() -> None:
    """What rooms find wrong is told a line each, in the order of the file; nothing wrong, nothing told."""
    read = load(EXAMPLE)
    project.reject(read, [])
    problems = [errors.Problem(("engine",), "Late."), errors.Problem(("unify", "tables", 1, "key"), "Early.")]
    with pytest.raises(errors.ConfigurationError, match="Early") as caught:
        project.reject(read, problems)
    assert str(caught.value) == "backstamp.yaml:26:25: Early.\nbackstamp.yaml:54:1: Late."

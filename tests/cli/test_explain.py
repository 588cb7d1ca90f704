"""`explain`: why rows are one customer, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.cli import backstamp

from backstamp import project
from backstamp.pipeline import published
from backstamp.unify import explain

if TYPE_CHECKING:
    from pathlib import Path

    from backstamp.unify.explain import Link


@pytest.fixture
def links(file: Path) -> list[Link]:
    """All evidence of the demo, replayed."""
    with published.unified(project.load(file)) as unified:
        return explain.replay(unified, unified.customers)


def test_every_link_of_the_demo(links: list[Link]) -> None:
    """The rule that each link cites gives it again, with its score; rules of every kind are among them."""
    assert len(links) > 200
    for link in links:
        assert link.verdict is not None
        assert (link.verdict.holds, link.verdict.score) == (True, link.score)
    assert {link.kind for link in links} == {"duplicate", "match"}
    assert any(link.score != 1 for link in links)
    assert any(link.rule.endswith("(from match)") for link in links)


def test_a_customer(file: Path, links: list[Link]) -> None:
    """Its rows come with what joined them, values and scores; each value of the profile with its row."""
    link = next(link for link in links if link.kind == "match" and link.score and link.score < 1)
    said = backstamp("explain", link.row.table, link.row.key.upper(), "--project", file)
    assert said.code == 0, said
    rows, values = said.out.split("The values of its profile")
    assert f"{link.row.table} {link.row.key} matches {link.partner.table} {link.partner.key}" in rows
    assert f"by {link.rule}, score {100 * (link.score or 0):.3}"[:-2] in rows
    assert "where it begins" in rows
    assert "its lastname" in values
    told = backstamp("explain", link.row.table, link.row.key, "--project", file, "--json").document
    assert {"table": link.row.table, "key": link.row.key} in [member["row"] for member in told["members"]]
    assert "LastName" in [value["name"] for value in told["values"]]


def test_two_rows_together(file: Path, links: list[Link]) -> None:
    """The links between them are told one by one."""
    link = next(link for link in links if link.kind == "duplicate")
    rows = (link.row.table, link.row.key, link.partner.table, link.partner.key)
    said = backstamp("explain", *rows, "--project", file)
    assert "are one customer" in said.out
    assert f"by {link.rule}, score" in said.out
    told = backstamp("explain", *rows, "--project", file, "--json").document
    assert told["are_together"]
    assert [one["rule"] for one in told["chain"]] == [link.rule]


def test_two_rows_apart(file: Path, links: list[Link]) -> None:
    """Each rule between their tables tells which of its conditions fails, and by how much."""
    one, other = next((one, two) for one in links for two in links if _are_strangers(one, two))
    rows = (one.row.table, one.row.key, other.partner.table, other.partner.key)
    said = backstamp("explain", *rows, "--project", file)
    assert said.code == 0
    assert "are not one customer" in said.out
    assert "Email and first name: does not hold" in said.out
    assert "(must be the same)" in said.out
    assert "alike, at least 80 % needed)" in said.out
    told = backstamp("explain", *rows, "--project", file, "--json").document
    assert [verdict["holds"] for verdict in told["verdicts"]] == [False] * 5
    assert told["customer_ids"][0] != told["customer_ids"][1]


def _are_strangers(one: Link, other: Link) -> bool:
    """Tell whether two links are of a lead and a contact of other names."""
    are_matches = one.kind == other.kind == "match" and one.row.table == "crm.lead"
    return are_matches and other.partner.table == "crm.contact" and _name(one) != _name(other)


def _name(link: Link) -> Any:
    assert link.verdict
    return link.rule == "Name and postal code" and [one.values[0] for one in link.verdict.conditions]


def test_what_is_not_there(file: Path, links: list[Link]) -> None:
    """An unknown table ends with 2 and the nearest name, an unknown key with 1; no message repeats a key."""
    key = links[0].row.key
    said = backstamp("explain", "crm.leed", key, "--project", file)
    assert (said.code, said.out) == (2, "")
    assert "Did you mean `crm.lead`?" in said.err
    said = backstamp("explain", "crm.lead", "nobody", "--project", file)
    assert (said.code, said.out) == (1, "")
    assert "no row with this key" in said.err
    assert "nobody" not in said.err
    same = (links[0].row.table, key)
    assert backstamp("explain", *same, *same, "--project", file).code == 2


def test_before_the_first_run(tmp_path: Path) -> None:
    """Where nothing has been unified it says how to start, and makes no warehouse."""
    backstamp("init", tmp_path)
    said = backstamp("explain", "crm.contact", "x", "--project", tmp_path / "backstamp.yaml")
    assert said.code == 2
    assert "start with `backstamp run`" in said.err
    assert not (tmp_path / ".backstamp").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{column: mobilephone, normalize: [phone]}", "{column: telephone1, normalize: [phone]}"),
        ("- table: crm.lead\n      key: leadid\n", "- table: shop.purchase\n      key: purchaseid\n"),
    ],
    ids=["a new column", "another table"],
)
def test_a_file_that_has_changed(file: Path, old: str, new: str) -> None:
    """A project with columns or tables that the last run did not read is told with its place."""
    text = file.read_text()
    assert old in text
    head, tail = text.split("  match:\n    - between", 1)
    tail = "" if "table:" in old else "  match:\n    - between" + tail
    file.write_text(head.replace(old, new, 1) + tail)
    said = backstamp("explain", "crm.contact", "x", "--project", file)
    assert said.code == 2, said
    assert said.err.startswith(f"{file}:")
    assert "`backstamp run` first" in said.err

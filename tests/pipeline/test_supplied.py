"""Overrides and lists that people supply: what comes of them, and what is said of those that are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.pipeline import CONTACTS, Place, guid, statuses, task

from backstamp import errors, pipeline
from backstamp.unify.explain import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADING = "left_table,left_key,right_table,right_key,why,by,at"
SUPPLIED = "Overrides and lists"
CONTACT, MEMBER = "crm.contact", "loyalty.member"


def supply(place: Place, *changes: tuple[str, str], **files: str) -> None:
    """Change the project file, and write files beside it."""
    project = place.folder / "backstamp.yaml"
    for old, new in changes:
        assert old in project.read_text()
        project.write_text(project.read_text().replace(old, new))
    for name, content in files.items():
        (place.folder / f"{name}.csv").write_text(content)


def conditions(lists: str) -> tuple[str, str]:
    """Give the project's only condition lists."""
    return "normalize: [lowercase]", f"normalize: [lowercase], {lists}"


def overrides(**names: str) -> tuple[str, str]:
    """Give the project overrides."""
    return (
        "  profile:\n",
        f"  overrides: {{{', '.join(f'{kind}: {name}' for kind, name in names.items())}}}\n  profile:\n",
    )


def pair(left: tuple[str, str], right: tuple[str, str]) -> str:
    """A line of overrides."""
    return f"{','.join((*left, *right))},seen,Ada,2026-01-01\n"


def customers(place: Place) -> Mapping[str, str]:
    """Whose each contact and each member is."""
    return {row["key"]: row["customer_id"] for row in place.published("members")}


def test_equal_and_empty_values(place: Place) -> None:
    """Values of a list count as equal, or as empty; stored values stay, and another list changes only what it names."""
    supply(place, conditions("alias: equal.csv, bypass: empty.csv"))
    supply(place, equal="value,alias\nP2@X,p3@x\np3@x,\n", empty="value\nP1@x\n")
    run = place.run()
    assert (run.warnings, task(run, SUPPLIED).details) == (0, "equal.csv: 2, empty.csv: 1")
    whose = customers(place)
    assert whose[guid(2)] == whose[guid(3)] == whose["m2"] == whose["m3"]
    assert len({whose[key] for key in (guid(1), guid(CONTACTS), "m1")}) == 3
    assert {row["email"] for row in place.published("source_loyalty_member")} >= {"P1@x", "P2@x"}
    others = {key: own for key, own in whose.items() if key not in {guid(1), guid(CONTACTS), "m1"}}
    supply(place, empty="value\n")
    place.run()
    assert customers(place)[guid(1)] == customers(place)["m1"]
    assert others.items() <= customers(place).items()


def test_pairs_of_rows(place: Place) -> None:
    """Keys are spelled by their type, extra columns do not matter, and a pair whose row is not there sleeps."""
    members = [(MEMBER, "m7"), (MEMBER, "m8"), (MEMBER, "gone")]
    always = pair((CONTACT, guid(2).upper()), members[0]) + pair(members[1], (CONTACT, f"{{{guid(3)}}}"))
    supply(place, overrides(always="always.csv", never="never.csv"))
    supply(place, always=f"{HEADING}\n{always}", never=f"note,{HEADING}\n,{pair(members[2], (CONTACT, guid(1)))}")
    apart = customers(place)
    run = place.run()
    assert task(run, SUPPLIED).warnings == (
        "Pairs of `never` of crm.contact and loyalty.member that sleep, as no row has one of their keys (any more): 1.",
    )
    asleep = pipeline.doubts(place.settings).sleeping
    assert [(one.kind, one.tables, one.pairs) for one in asleep] == [("never", (CONTACT, MEMBER), 1)]
    assert task(run, SUPPLIED).rows == 3
    kept = [(row["kind"], row["left_key"], row["left"] is None) for row in place.published("supplied_pairs")]
    assert sorted(kept) == [("always", guid(2), False), ("always", "m8", False), ("never", "gone", True)]
    whose = customers(place)
    assert (whose["m7"], whose["m8"]) == (whose[guid(2)], whose[guid(3)])
    supply(place, overrides(always="always.csv", never="never.csv")[::-1])
    assert SUPPLIED not in statuses(place.run())
    assert place.published("supplied_pairs") == []
    assert len({*map(customers(place).get, ("m7", "m8", guid(2), guid(3)))}) == 4
    assert apart[guid(2)] == customers(place)[guid(2)]


def test_tables_of_sources(place: Place) -> None:
    """Lists may be tables of sources, read like any other; they are told with their row."""
    supply(
        place,
        ("{member: {", "{never: never.csv, equal: {path: equal.csv, key: value}, member: {"),
        overrides(never="loyalty.never"),
        conditions("alias: loyalty.equal, bypass: loyalty.equal"),
    )
    supply(place, never=f"{HEADING}\n{pair((MEMBER, 'm1'), (MEMBER, 'm2'))}", equal="value,alias\np2@x,p3@x\n")
    run = place.run()
    assert set(statuses(run).values()) == {"Successful"}
    assert len({customers(place)[key] for key in (guid(2), guid(3), "m2", "m3")}) == 4
    supply(place, never=f"{HEADING}\n{pair((MEMBER, 'm1'), (MEMBER, 'm1'))}")
    run = place.run()
    assert (run.status, statuses(run)[SUPPLIED]) == ("Failed", "Failed")
    assert task(run, SUPPLIED).details == "row 1 of loyalty.never: These two are one row: a pair is made of two rows."


def test_explained_as_the_run_had_them(place: Place) -> None:
    """What is asked of a run is answered with its lists, whatever the files say by now."""
    supply(place, conditions("alias: equal.csv"), equal="value,alias\np2@x,p3@x\n")
    with pytest.raises(errors.ConfigurationError, match=r"The last run has not read the list equal\.csv"):
        pipeline.explain(place.settings, Row(CONTACT, guid(2)))
    place.run()
    supply(place, equal="value,alias\n")
    relation = pipeline.relate(place.settings, Row(CONTACT, guid(2)), Row(CONTACT, guid(3)))
    assert relation.chain[0].verdict is not None
    assert relation.chain[0].verdict.conditions[0].values == ("p2@x", "p2@x")


ONE, TWO = (CONTACT, guid(1)), (MEMBER, "m1")


@pytest.mark.parametrize(
    ("content", "place_of", "said"),
    [
        (
            f"{HEADING}\n{pair(('crm.contct', 'secret'), TWO)}",
            "always.csv:2:1",
            "Did you mean `crm.contact`? There",
        ),
        (f"{HEADING}\n\n{pair(ONE, (CONTACT, guid(1).upper()))}", "always.csv:3:1", "These two are one row"),
        (f"{HEADING}\n{pair(ONE, (MEMBER, ''))}", "always.csv:2:65", "lacks a table or a key"),
        (f"{HEADING}\nsecret,secret\n", "always.csv:2:1", "This line has 2 values where the heading names 7 columns."),
        (f'note,{HEADING}\n"a, ""b""",{pair(ONE, ("memb", "secret"))}', "always.csv:2:61", "A table of this pair"),
        (f'{HEADING}\n"secret\n', "always.csv:2:1", "This line cannot be read"),
        ("left_table;left_key\n", "always.csv:1:1", "The heading lacks `left_table`, `left_key`, `right_table`"),
        ("", "always.csv:1:1", "The heading lacks"),
        (f"{HEADING}\n{pair(TWO, ONE)}", "never.csv:2:1", "one of `always` too, at "),
    ],
)
def test_wrong_pairs(place: Place, content: str, place_of: str, said: str) -> None:
    """A wrong line is told with file, line and column before anything runs, without what stands there."""
    supply(place, overrides(always="always.csv", never="never.csv"))
    supply(place, always=content, never=f"{HEADING}\n{pair(ONE, TWO)}")
    with pytest.raises(errors.ConfigurationError) as caught:
        pipeline.describe(place.settings, place.environment)
    assert str(caught.value).startswith(f"{place.folder / place_of}: ")
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_many_wrong_pairs(place: Place) -> None:
    """Of many wrong lines the first are told, and how many there are more."""
    supply(place, overrides(always="always.csv"), always=f"{HEADING}\n{pair(ONE, ONE) * 100}")
    with pytest.raises(errors.ConfigurationError) as caught:
        pipeline.describe(place.settings, place.environment)
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "and 80 more.")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("equal.csv", "nor a file that can be read (No such file or directory). Make it a CSV file whose first line"),
        ("loyalty.membr", "(No such file or directory). Did you mean `loyalty.member`? Make it a CSV file"),
        ("loyalty.member", "loyalty.member has no column `alias`."),
    ],
)
def test_lists_that_are_not_there(place: Place, name: str, said: str) -> None:
    """A list that is neither a file nor a fitting table is told at its place in the project file."""
    supply(place, conditions(f"alias: {name}"))
    with pytest.raises(errors.ConfigurationError) as caught:
        pipeline.describe(place.settings, place.environment)
    assert caught.value.location is not None
    assert (caught.value.location.line, caught.value.location.column) == (13, 95)
    assert said in str(caught.value)

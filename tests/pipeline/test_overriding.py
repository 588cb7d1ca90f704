"""Overrides that people say on a page: appended to the project's lists, whole and in turn."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from backstamp import demo, errors, pipeline, project
from backstamp.unify.explain import Row

if TYPE_CHECKING:
    from pathlib import Path

LISTS = "\nunify:\n  overrides: {always: always.csv, never: lists/never.csv}\n"


def made(folder: Path, lists: str = LISTS) -> project.Project:
    """Return a project with these lists."""
    file = folder / "backstamp.yaml"
    file.write_text(demo.PROJECT.replace("\nunify:\n", lists), encoding="utf-8")
    (folder / "lists").mkdir()
    settings = project.load(file)
    settings.state.mkdir()
    return settings


def lead(number: int) -> Row:
    """Return a row."""
    return Row("crm.lead", f"lead {number}")


def test_the_line(tmp_path: Path) -> None:
    """What was in a list stays byte for byte; the new line follows its heading, also where no line end was before."""
    settings = made(tmp_path)
    before = "at,right_key,right_table,left_key,left_table,why,by,note\r\n2026-01-01,1,crm.lead,2,crm.lead,,,x"
    (tmp_path / "always.csv").write_text(before, encoding="utf-8", newline="")
    pipeline.override(settings, "always", lead(3), Row("loyalty.member", 'a,"b'), "same\nvoice", "Ann")
    written = (tmp_path / "always.csv").read_bytes().decode()
    [_, line] = csv.DictReader(written.splitlines())
    assert written.startswith(before)
    assert {name: line[name] for name in ("left_key", "right_key", "why", "by", "note")} == {
        "left_key": "lead 3",
        "right_key": 'a,"b',
        "why": "same voice",
        "by": "Ann",
        "note": "",
    }


def test_two_at_once(tmp_path: Path) -> None:
    """Of many who write at once nobody's line is lost."""
    settings = made(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        told = [pool.submit(pipeline.override, settings, "never", lead(n), lead(-n), "", "Ann") for n in range(1, 41)]
    assert [one.exception() for one in told] == [None] * 40
    with (tmp_path / "lists" / "never.csv").open(encoding="utf-8") as file:
        assert sorted(row["left_key"] for row in csv.DictReader(file)) == sorted(f"lead {n}" for n in range(1, 41))


@pytest.mark.parametrize("kind", ["always", "never"])
def test_said_already(tmp_path: Path, kind: str) -> None:
    """A pair that a list has, in either direction, is refused with the place of its line."""
    settings = made(tmp_path)
    pipeline.override(settings, "always", lead(1), lead(2), "", "Ann")
    with pytest.raises(errors.ConfigurationError, match=r"always\.csv.*2.*one of `always` already"):
        pipeline.override(settings, kind, lead(2), lead(1), "", "Ann")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lists", "wanted"),
    [
        ("\nunify:\n", "  overrides:\n    always: always.csv\n    never: never.csv"),
        ("\nunify:\n  overrides: {always: always.csv}\n", "    never: never.csv"),
        ("\nunify:\n  overrides: {never: service.case}\n", "is the table service.case"),
    ],
)
def test_no_list(tmp_path: Path, lists: str, wanted: str) -> None:
    """Where there is no file for a pair it is said what to add, or where the pair belongs."""
    with pytest.raises(errors.ConfigurationError) as refused:
        pipeline.override(made(tmp_path, lists), "never", lead(1), lead(2), "", "Ann")
    assert wanted in str(refused.value)

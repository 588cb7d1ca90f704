"""`docs/measures.md` tells what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from backstamp.measures import templates
from backstamp.measures.settings import Refresh, Template

PAGE = (Path(__file__).parents[2] / "docs" / "measures.md").read_text()
TOLD = set(re.findall(r"`([^`\n]+)`", PAGE))


def test_templates_and_paces_are_told() -> None:
    """Each template, with the columns that it needs, and each pace of a refresh stands on the page."""
    assert set(get_args(Template)) == set(templates.TEMPLATES)
    needed = {column for template in templates.TEMPLATES.values() for column in template.columns}
    assert {*templates.TEMPLATES, *needed, *get_args(Refresh)} <= TOLD


def test_functions_are_told() -> None:
    """Each function stands on the page as it is written."""
    names = {code.partition("(")[0] for code in TOLD if "(" in code}
    aggregates = {"sum", "avg", "average", "count", "min", "max", "first", "last", "arg_min", "arg_max"}
    assert aggregates | {"coalesce", "nullif", "date_trunc", "date_diff"} <= names

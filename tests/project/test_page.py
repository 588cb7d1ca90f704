"""`docs/project-file.md` tells every setting, and its examples are right."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from backstamp import project
from backstamp.measures.settings import Relationship
from backstamp.project.running import MailSettings
from backstamp.project.settings import EnvironmentSource, FileSource, OrganizationSource, Settings, Transformed
from backstamp.unify.settings import ProfileColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "project-file.md").read_text()
FROM = (
    (Relationship, "from_"),
    (EnvironmentSource, "from_"),
    (FileSource, "from_"),
    (OrganizationSource, "from_"),
    (ProfileColumn, "sources"),
    (MailSettings, "from_"),
)
CALLED = dict.fromkeys(FROM, "from") | {(Transformed, "as_"): "as"}
"""Settings whose key in the file is another word than their name."""


def settings_in(kind: Any) -> Iterator[type]:
    """Yield the classes of settings that an annotation holds, and those that these hold."""
    if isinstance(kind, type) and is_dataclass(kind):
        yield kind
        for hint in get_type_hints(kind, include_extras=False).values():
            yield from settings_in(hint)
    for inner in get_args(kind):
        yield from settings_in(inner)


def test_every_setting_is_told() -> None:
    """Each key that a project file can have stands on the page, as code."""
    told = {word for code in re.findall(r"`([^`\n]+)`", PAGE) for word in re.findall(r"\w+", code)}
    kinds = set(settings_in(Settings))
    assert len(kinds) > 20
    keys = {(kind.__name__, CALLED.get((kind, one.name), one.name)) for kind in kinds for one in fields(kind)}
    assert sorted((kind, key) for kind, key in keys if key not in told) == []


def test_the_examples_are_a_project_file(tmp_path: Path) -> None:
    """The blocks of the page, one after the other, are a project file in which nothing is wrong."""
    file = tmp_path / "backstamp.yaml"
    file.write_text("\n".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)))
    found = project.load(file)
    assert [table.table for table in found.unify.tables] == ["crm.contact", "crm.lead", "loyalty.member"]

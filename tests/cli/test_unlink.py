"""`unlink`: the column of links of a table that is unified no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli import backstamp

if TYPE_CHECKING:
    from pathlib import Path


def test_unlink(file: Path) -> None:
    """A table that is unified keeps its column, with the place in the file that says so; another may have none."""
    refused = backstamp("unlink", "crm.lead", "--project", file)
    assert (refused.code, "take it out of unify.tables first" in refused.err) == (2, True)
    told = backstamp("unlink", "crm.account", "--project", file, "--json").document
    assert told == {"table": "crm.account", "column": "msdynci_lookupfield_customerprofile", "dropped": False}

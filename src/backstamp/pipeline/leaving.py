"""What becomes of the tables of what the project file has no more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backstamp.pipeline import measuring, reading, stages
from backstamp.unify import shown

if TYPE_CHECKING:
    from backstamp import project
    from backstamp.engine import Engine

_OF_A_SOURCE = (reading.stored_name, reading.read_name, reading.corrupt_name)
_OF_A_UNIFIED = (stages.keys_name, shown.deduplication_name)
_OF_ONE = re.compile("(source|read|keys|Deduplication|measure|business)_.*|.*_corrupt")
"""The names of what belongs to one source table, or to one measure."""


def retire(engine: Engine, settings: project.Project) -> None:
    """Let the tables of sources and measures that left the project go with the next publication.

    Nobody brings them up any more, and they hold personal data.
    """
    measures = {measuring.table_name(name, one.kind) for name, one in settings.definitions.measures.items()}
    sources = {name(table) for table in settings.tables for name in _OF_A_SOURCE}
    unified = {name(table.table) for table in settings.unify.tables for name in _OF_A_UNIFIED}
    for name in sorted(set(engine.names()) - measures - sources - unified):
        if _OF_ONE.fullmatch(name):
            engine.retire(name)

"""Whether the environment has changed since a run, told by its change feeds; the warehouse is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp import errors
from backstamp import project as projects
from backstamp.pipeline import steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp import project
    from backstamp.connect import ports


def has_changed(settings: project.Project, environment: ports.Sink, feeds: Mapping[str, str]) -> bool:
    """Tell whether a row of a table of the environment is new, changed or gone since its feed's token.

    Our own links are changes here: only a run knows them from others. So one run follows each run that wrote, and no
    more. A table without a token is not looked at: no run could read it.

    Args:
        settings: the project.
        environment: is asked one question a table.
        feeds: the token of each table, by `source.table`.

    Raises:
        EnvironmentServiceError: the environment refused or did not answer.
    """
    return any(
        _table_has_changed(environment, table.outer, steps.token_as_read(feeds[f"{name}.{table.name}"], table.select))
        for name, source in settings.sources.items()
        if isinstance(source, projects.EnvironmentSource)
        for table in source.listed
        if f"{name}.{table.name}" in feeds
    )


def _table_has_changed(environment: ports.Sink, table: str, token: str) -> bool:
    try:
        page = next(environment.changes(table, token))
    except errors.SourceError:
        return True  # only a run can tell
    return page.rows.num_rows > 0 or bool(page.deleted)

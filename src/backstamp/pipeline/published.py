"""The published warehouse, opened for questions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from backstamp import engine as engines
from backstamp import errors
from backstamp.pipeline import reading, stages, supplied
from backstamp.unify import explain, places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from backstamp import project


@contextmanager
def opened(state: Path, settings: engines.Settings | None = None) -> Iterator[engines.Engine]:
    """Open the warehouse of a project.

    Args:
        state: the project's folder of state.
        settings: which engine.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: no run has published profiles yet.
    """
    if not engines.has_warehouse(state, settings):
        raise errors.ConfigurationError("Nothing has been unified yet: start with `backstamp run`.")
    with engines.open_warehouse(state, settings, reads_only=True) as engine:
        if not engine.has("profiles"):
            raise errors.ConfigurationError("No run has got as far as profiles yet: see `backstamp status`.")
        yield engine


@contextmanager
def unified(settings: project.Project) -> Iterator[explain.Unified]:
    """Give what the last published run made of the tables, which the project file still has as they were.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: no run has published profiles yet, or not with the tables and columns of the file.
    """
    with opened(settings.state, settings.engine) as engine:
        _refuse_changed(engine, settings)
        sources = {table.table: reading.stored(engine, table.table) for table in settings.unify.tables}
        yield explain.Unified(
            engine=engine,
            settings=settings.unify,
            tables=tuple(stages.numbered(settings.unify, sources)),
            customers=engine.table("customers"),
            overrides=engine.table("overrides"),
            ids=engine.table("ids"),
            profiles=engine.table("profiles"),
            lists=supplied.kept_lists(engine),
        )


def _refuse_changed(engine: engines.Engine, settings: project.Project) -> None:
    """Refuse a project file with other tables, or more columns, than the last run had."""
    records = engine.table("records")
    before = engine.rows(records.select("position", "table").distinct().order_by("position"))
    names = [table.table for table in settings.unify.tables]
    if not {(row["position"], row["table"]) for row in before} <= set(enumerate(names)):
        message = "The tables of unification are not those of the last run: `backstamp run` first."
        raise errors.ConfigurationError(message, settings.locate(("unify", "tables")))
    for wanted in places.lists(settings.unify):
        if wanted.kind in {"alias", "bypass"} and wanted.name not in supplied.kept_lists(engine):
            message = f"The last run has not read the list {wanted.name}: `backstamp run` first."
            raise errors.ConfigurationError(message, settings.locate(wanted.path))
    for place, table in enumerate(settings.unify.tables):
        path = ("unify", "tables", place)
        if not engine.has(reading.stored_name(table.table)):
            message = f"The last run has not read {table.table}: `backstamp run` first."
            raise errors.ConfigurationError(message, settings.locate(path))
        known = reading.stored(engine, table.table).columns
        for mention in places.mentions(settings.unify):
            if mention.table == table.table and mention.column not in {table.key, *known}:
                message = f"The last run has not read `{mention.column}` of {table.table}: `backstamp run` first."
                raise errors.ConfigurationError(message, settings.locate(mention.path))

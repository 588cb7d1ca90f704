"""`unlink`: the column of links of a table that is unified no more, dropped."""

from __future__ import annotations

from backstamp import errors, link, project
from backstamp.cli import display, environment, options


def unlink(table: options.LeftTable, *, file: options.Project = options.FILE, as_json: options.Json = False) -> None:
    """Drop the column of links of TABLE, which is unified no more, with the links that it still holds.

    Ends with 0, also where it has no such column, with 2 if the table is unified.
    """
    settings = project.load(file)
    if table in {one.table for one in settings.unify.tables}:
        message = f"{table} is unified, so the next run would make the column again: take it out of unify.tables first."
        raise errors.ConfigurationError(message, settings.locate(("unify", "tables")))
    outer, column = table.partition(".")[2], link.lookup_name(settings.link)
    with environment.connected(settings) as sink:
        definition = sink.find(outer)
        dropped = definition is not None and sink.drop_column(outer, column)
    if as_json:
        display.write_json({"table": table, "column": column, "dropped": dropped})
    said = f"The column {outer}.{column} is dropped." if dropped else f"There is no column {outer}.{column}."
    display.console(quiet=as_json).print(said, soft_wrap=True)

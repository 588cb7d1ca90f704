"""`notify`: a message to try whether people can be told."""

from __future__ import annotations

import typer

from backstamp import errors, pipeline, project
from backstamp.cli import display, options


def notify(*, file: options.Project = options.FILE, as_json: options.Json = False) -> None:
    """Send a message to all whom the project file's `notify` names, to try whether it arrives.

    Ends with 0, with 1 if one was not taken, with 2 if the project names nobody.
    """
    settings = project.load(file)
    told = pipeline.try_to_tell(settings)
    if not told:
        message = "The project tells nobody: name a mail server or a webhook, such as `notify: {webhook: {url: …}}`."
        raise errors.ConfigurationError(message, errors.Location(str(file)))
    if as_json:
        display.write_json({"told": told})
    to = display.console(quiet=as_json)
    for channel, problem in told.items():
        to.print(f"{channel}: {problem or 'taken; look whether it arrives.'}", soft_wrap=True)
    if any(told.values()):
        raise typer.Exit(1)

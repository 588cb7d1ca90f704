"""The program: its commands, its errors and its exit codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from backstamp import errors, interpreter
from backstamp.cli import (
    applications,
    check,
    demo,
    display,
    evaluate,
    explain,
    ids,
    notify,
    options,
    schedule,
    serve,
    show,
    start,
    tasks,
    unlink,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED, WRONG = 1, 2
DEBUG = "BACKSTAMP_DEBUG"
"""The environment variable that lets an error nobody has foreseen through, with its trace."""
_INTERRUPTED = 130
"""What Typer returns after Ctrl-C."""

app = typer.Typer(
    help="One customer, one profile, linked from every row of your CRM.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="Start with `backstamp demo`, or with `backstamp init` for a project of your own.",
)


@app.callback()
def _program(*, version: options.Version = False) -> None:
    pass


app.command(epilog="Example: backstamp init customers")(start.init)
app.command(epilog="Example: backstamp demo --people 2000")(demo.demo)
app.command(epilog="Example: backstamp check --project demo/backstamp.yaml")(check.check)
app.command(
    epilog="Examples: backstamp run --accept-loss shop; backstamp run --approve 12; backstamp run --until match"
)(tasks.run)
app.command(epilog="Example: backstamp plan --json")(tasks.plan)
app.command(epilog="Example: backstamp undo 12")(tasks.undo)
app.command(epilog="Example: backstamp cancel --run 3")(tasks.cancel)
app.command(epilog="Examples: backstamp status --history 20; backstamp status --task Match")(tasks.status)
app.command("schedule", epilog="Examples: backstamp schedule --off; backstamp schedule --keep")(schedule.show)
app.command(epilog="Example: backstamp notify")(notify.notify)
app.command(epilog="Example: backstamp unlink crm.lead")(unlink.unlink)
app.command(epilog="Example: backstamp verify --list wrong.csv")(verify.verify)
app.command(epilog="Example: backstamp show crm.lead 6ad4b2a5-2f6e-4a63-9a5f-3a3f1b1c9d10")(show.show)
app.command(
    epilog="Examples: backstamp explain crm.lead 6ad4b2a5-2f6e-4a63-9a5f-3a3f1b1c9d10; "
    "backstamp explain loyalty.member M-0000007 loyalty.member M-0000068"
)(explain.explain)
app.command(epilog="Example: backstamp evaluate truth.parquet")(evaluate.evaluate)
app.command(epilog="Example: backstamp resolve 3f0c2c0e-9d3b-5c55-8a5e-5e7b8c1f2a3d")(ids.resolve)
app.command(epilog="Example: backstamp export id-changes changes.csv --since 3")(ids.export)
_crm = typer.Typer(callback=start.crm, invoke_without_command=True)
_crm.command(epilog="Example: backstamp crm users --json")(applications.users)
_crm.command("add-user", epilog="Example: backstamp crm add-user Reader --privilege prvReadContact")(
    applications.add_user
)
_crm.command("renew-secret", epilog="Example: backstamp crm renew-secret 6ad4b2a5-2f6e-4a63-9a5f-3a3f1b1c9d10")(
    applications.renew_secret
)
_crm.command("revoke", epilog="Example: backstamp crm revoke 6ad4b2a5-2f6e-4a63-9a5f-3a3f1b1c9d10")(applications.revoke)
app.command(epilog="Examples: backstamp serve; backstamp serve --crm --port 8600")(serve.serve)
_user = typer.Typer(help="Say who may sign in to the console, and what they may do.", no_args_is_help=True)
_user.command(epilog="Example: backstamp user add Anna --role administrator")(serve.add)
_user.command(epilog="Example: backstamp user change Anna --role viewer")(serve.change)
_user.command("list", epilog="Example: backstamp user list --json")(serve.listed)
app.add_typer(_user, name="user")
app.add_typer(_crm, name="crm", epilog="Examples: backstamp crm --port 8700; backstamp crm --tls")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0 done, 1 failed, 2 wrong project file or arguments, 3 waits for approval.

    Args:
        arguments: without the program's name; those of this process where none are given.
    """
    interpreter.search_seldom()
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        code = app(given, prog_name="backstamp", standalone_mode=False) or 0
    except errors.ConfigurationError as error:
        display.write_error(error.message, as_json=as_json, kind=_kind(error), location=error.location)
        return WRONG
    except errors.BackstampError as error:
        display.write_error(str(error), as_json=as_json, kind=_kind(error))
        return FAILED
    except typer.TyperException as error:
        message = f"{error.format_message()} See `backstamp --help`."
        display.write_error(message, as_json=as_json, kind="UsageError")
        return error.exit_code
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        message, location = _told(error)
        display.write_error(message, as_json=as_json, kind=_kind(error), location=location)
        return FAILED
    if code == _INTERRUPTED:
        display.write_error("Canceled.", as_json=as_json, kind="KeyboardInterrupt")
        return FAILED
    return code


def _told(error: Exception) -> tuple[str, errors.Location | None]:
    """Return what may be said of an error that is none of ours, and the file: its text can quote values of rows."""
    trace = f"{DEBUG}=1 shows the trace."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}. {trace}", errors.Location(str(error.filename)) if error.filename else None
    return f"Something that nobody has foreseen went wrong: {_kind(error)}. {trace}", None


def _kind(error: Exception) -> str:
    return type(error).__name__

"""What people are told of runs: each trouble once, and once more when it is well again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from backstamp import errors, notify, runs
from backstamp.pipeline import hydrating

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from backstamp import project

_log = logging.getLogger(__name__)
BEGINNING = "The beginning of a run"
_APPROVAL = "Approval"


def tell_of_run(settings: project.Project, ledger: runs.Ledger, run: runs.Run) -> None:
    """Tell of a run that has ended what nobody was told yet; a draft that somebody looks at is no news.

    What a run left open, because it was canceled or skipped what failed before, is neither wrong nor well.
    """
    if run.arguments.draft:
        return
    troubles = {_name(task): task.details for task in run.tasks if task.status in runs.FAILURES}
    if run.status is runs.TaskStatus.WAITING_FOR_APPROVAL:
        troubles[_APPROVAL] = f"run {run.number} waits; `backstamp run --approve {run.number}` lets it go on"
    elif run.status is runs.TaskStatus.SUCCESSFUL and (why := _kept_back(run)):
        troubles[_APPROVAL] = why
    elif run.status is runs.TaskStatus.FAILED and not troubles:
        troubles["The run"] = run.details
    well = {_name(task) for task in run.tasks if task.status is runs.TaskStatus.SUCCESSFUL}
    _tell(settings, ledger, run.number, troubles, {BEGINNING, *well}, all_well=not troubles and _is_well(run))


def tell_of_beginning(settings: project.Project, ledger: runs.Ledger, problem: str) -> None:
    """Tell that a run could not begin, unless people know."""
    _tell(settings, ledger, None, {BEGINNING: problem}, set(), all_well=False)


def try_to_tell(settings: project.Project) -> dict[str, str]:
    """Send a message that says nothing is wrong; return, by channel, why it was not taken, "" where it was."""
    message = notify.Message(settings.folder.resolve().name, None, {}, ())
    return {name: _problem(channel, message) for name, channel in _channels(settings)}


def _problem(channel: notify.Mail | notify.Webhook, message: notify.Message) -> str:
    try:
        channel.send(message)
    except errors.BackstampError as error:
        return str(error)
    return ""


def _tell(
    settings: project.Project,
    ledger: runs.Ledger,
    run: int | None,
    troubles: Mapping[str, str],
    well: Collection[str],
    *,
    all_well: bool,
) -> None:
    for name, channel in _channels(settings):
        told = ledger.troubles.told(name)
        new = {trouble: why for trouble, why in troubles.items() if trouble not in told}
        recovered = sorted(told if all_well else told & set(well))
        if new or recovered:
            message = notify.Message(settings.folder.resolve().name, run, new, tuple(recovered))
            if problem := _problem(channel, message):
                _log.warning("%s The next run tries again to tell.", problem)
            else:
                ledger.troubles.note_told(name, new, recovered)


def _channels(settings: project.Project) -> Iterator[tuple[str, notify.Mail | notify.Webhook]]:
    wanted = settings.notify
    if wanted.mail is not None:
        mail = wanted.mail
        password = mail.password.get_secret_value() if mail.password else None
        yield "mail", notify.Mail(mail.host, mail.port, mail.tls, mail.from_, mail.to, mail.user, password)
    if wanted.webhook is not None:
        token = wanted.webhook.token.get_secret_value() if wanted.webhook.token else None
        yield "webhook", notify.Webhook(wanted.webhook.url.get_secret_value(), token)


def _name(task: runs.Task) -> str:
    return f"{task.group}, {task.name}"


def _kept_back(run: runs.Run) -> str:
    """Say why a run that nobody asked for could not even wait for approval, "" where it could."""
    plans = (task for task in run.tasks if (task.group, task.name) == (hydrating.PLAN.group, hydrating.PLAN.name))
    skipped = (task.details for task in plans if task.status is runs.TaskStatus.SKIPPED)
    return next(skipped, "") if run.arguments.scheduled else ""


def _is_well(run: runs.Run) -> bool:
    return run.status is runs.TaskStatus.SUCCESSFUL

"""What people are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A word to people, without personal data; one that has nothing to tell is a trial.

    Attributes:
        project: what it is about: the folder of the project.
        run: the number of the run that tells it, or None where none could begin.
        troubles: what is wrong now, by the name of the task.
        recovered: the tasks that are well again.
    """

    project: str
    run: int | None
    troubles: dict[str, str]
    recovered: tuple[str, ...]

    @property
    def subject(self) -> str:
        """It all in a line."""
        said = [f"{len(self.troubles)} failed"] if self.troubles else []
        said += [f"{len(self.recovered)} well again"] if self.recovered else []
        return f"backstamp {self.project}: {', '.join(said) or 'a trial'}"

    @property
    def text(self) -> str:
        """It all, a line each."""
        if not self.troubles and not self.recovered:
            return f"This is a trial of {self.project}: nothing is wrong, and messages arrive here.\n"
        lines = [f"{name}: {why}" for name, why in self.troubles.items()]
        lines += [f"{name}: well again" for name in self.recovered]
        told = f"Run {self.run}" if self.run else "No run could begin"
        once = "You are told once, and once more when it is well again; `backstamp status` shows how it stands."
        return "\n".join([f"{told}, {self.project}", "", *lines, "", once, ""])

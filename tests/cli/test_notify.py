"""`notify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli import backstamp
from tests.notify import mail_server

if TYPE_CHECKING:
    from pathlib import Path


def test_tried(tmp_path: Path) -> None:
    """A message goes to the mail server that the project names; where none is taken, or none is named, that is told."""
    backstamp("init", tmp_path)
    file = tmp_path / "backstamp.yaml"
    assert backstamp("notify", "--project", file).code == 2
    with mail_server() as server:
        mail = f"{{host: localhost, port: {server.port}, tls: off, from: a@localhost, to: [b@localhost]}}"
        file.write_text(f"{file.read_text()}\nnotify: {{mail: {mail}}}\n")
        assert backstamp("notify", "--project", file, "--json").document == {"told": {"mail": ""}}
        assert "a trial" in server.taken[0]
        server.refuses = True
        said = backstamp("notify", "--project", file)
    assert (said.code, "took no mail" in said.out, len(server.taken)) == (1, True, 1)

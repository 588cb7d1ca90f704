"""The page about Microsoft's client: its program runs, and prints what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.embedded.conftest import ADMINISTRATOR_TOKEN, TOKENS

from backstamp import embedded

PAGE = Path(__file__).parents[2] / "docs" / "dataverse-client.md"


def test_the_program_of_the_page(database_url: str, tmp_path: Path) -> None:
    """Unmodified, it makes tables, writes, queries and deletes over https, and prints what stands below it."""
    program, printed = re.findall(r"```(?:python|text)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    tls = embedded.authority.prepare(tmp_path / "tls")
    with embedded.serving(embedded.Settings(database_url=database_url), TOKENS, tls=tls) as url:
        environment = {
            **os.environ,
            "DATAVERSE_URL": url,
            "DATAVERSE_TOKEN": ADMINISTRATOR_TOKEN,
            "REQUESTS_CA_BUNDLE": str(tls.authority),
        }
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=300
        )
    assert (done.returncode, done.stdout) == (0, printed), done.stderr

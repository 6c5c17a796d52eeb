"""docs/how-to/use-a-graph-client.md, followed by the letter: a scenario in real time, and curl as its client."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.generated import ROOT

PAGE = ROOT / "docs" / "how-to" / "use-a-graph-client.md"


@pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("curl") is None, reason="NOT TESTED: bash or curl is not installed"
)
def test_page_books_the_room(tmp_path: Path) -> None:
    run, client = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script = f"set -u\n{run.rstrip()} &\nrun=$!\n{client}wait $run\n"
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 0 failed" in done.stdout

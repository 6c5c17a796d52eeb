"""The package as users get it: a wheel of this tree, unpacked."""

from __future__ import annotations

import compileall
import fcntl
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def unpacked_wheel(folder: Path) -> Path:
    """Build the wheel with what is here and unpack it; on PYTHONPATH the result is as good as installed, entry points included.

    Whoever comes first does it; the others, in other processes as well, wait and find it there, compiled as an installation is.
    """
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        site = folder / "site"
        if not site.exists():
            _build(folder, site)
    return site


def _build(folder: Path, site: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    new = folder / "new"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(new)
    new.rename(site)
    compileall.compile_dir(site, quiet=2)

"""What holds for all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.wheel import unpacked_wheel

# processes that tests start load what has been compiled, whatever the environment says: else each compiles all of it anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("roomsim", deadline=None)  # a busy machine is no counterexample
settings.load_profile("roomsim")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as users get it, unpacked: one for all workers."""
    own = tmp_path_factory.getbasetemp()
    return unpacked_wheel((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "wheel")

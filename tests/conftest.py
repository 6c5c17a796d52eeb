"""What holds for all tests."""

from __future__ import annotations

import os
import sys

from hypothesis import settings

# processes that tests start load what has been compiled, whatever the environment says: else each compiles all of it anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("roomsim", deadline=None)  # a busy machine is no counterexample
settings.load_profile("roomsim")

"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("roomsim", deadline=None)  # a busy machine is no counterexample
settings.load_profile("roomsim")

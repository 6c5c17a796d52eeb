"""An exchange that has already derived its keys."""

from __future__ import annotations

import pytest

from endpoint.wire.envelope import SessionKeys


@pytest.fixture(scope="session")
def keys() -> SessionKeys:
    return SessionKeys.derive(b"K" * 32, b"t" * 32)

"""Parameters of faults: whatever a file or a door gives, what passes can be carried out."""

from __future__ import annotations

import ipaddress
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint.runtime.fault_params import REASON_BYTES_MAX, SCHEMES, problem
from endpoint.runtime.faults import Between
from endpoint.runtime.vocabulary import FAULTS

OWN = [(on, do, name) for on, actions in FAULTS.items() for do, action in actions.items() for name in action.params]
LEAVES = (
    st.none() | st.booleans() | st.integers(-10, 5000) | st.floats() | st.text(max_size=8) | st.sampled_from(SCHEMES)
)
VALUES = st.builds(Between, st.floats(-5, 5), st.floats(-5, 5)) | LEAVES | st.lists(LEAVES, max_size=3)


def _as_it_bites(on: str, do: str, name: str, value: Any) -> None:
    """Read a parameter as the points do that carry it out."""
    if name in ("bytes", "rate"):
        assert int(value) == value > 0
    elif isinstance(value, Between) and name in ("by", "idle", "retry_after"):
        assert 0 <= value.low <= value.high
    elif name in ("by", "idle", "retry_after"):
        assert math.isfinite(float(value))
        assert on == "clock" or float(value) >= 0
    elif name == "status" or (name == "code" and on in ("mercury", "websocket", "stun")):
        assert 100 <= int(value) == value < 5000
    elif name == "reason":
        assert len(value.encode()) <= REASON_BYTES_MAX
    elif name == "what" and FAULTS[on][do].whats:
        assert value in FAULTS[on][do].whats
    elif name == "schemes":
        assert set([value] if isinstance(value, str) else value) <= set(SCHEMES)
    elif (on, do, name) == ("udp", "rewrite", "to"):
        assert ipaddress.ip_address(value).packed
    elif name == "to":
        assert value.isprintable()


@settings(max_examples=1500)
@given(st.sampled_from(OWN), VALUES)
def test_what_passes_can_be_carried_out(own: tuple[str, str, str], value: Any) -> None:
    on, do, name = own
    wrong = problem(on, do, {name: value})
    assert wrong is None or wrong.name == name
    if wrong is None:
        _as_it_bites(on, do, name, value)

"""JSON that is nearly right: arbitrary bytes are turned away at a parser's door, a good sample with one thing wrong gets inside."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=6,
)


@st.composite
def nearly(draw: st.DrawFn, sample: Any) -> Any:
    """Draw the sample with up to two places changed: a member dropped, added or of another type, a text or number a little off."""
    for _ in range(draw(st.integers(0, 2))):
        sample = _changed(draw, sample)
    return sample


def _changed(draw: st.DrawFn, good: Any) -> Any:
    if isinstance(good, dict) and good:
        name = draw(st.sampled_from(sorted(good)))
        match draw(st.sampled_from(["inside", "inside", "drop", "add", "other"])):
            case "inside":
                return {**good, name: _changed(draw, good[name])}
            case "drop":
                return {key: value for key, value in good.items() if key != name}
            case "add":
                return {**good, draw(st.text(max_size=8)): draw(json_values)}
    elif isinstance(good, list) and good and draw(st.booleans()):
        at = draw(st.integers(0, len(good) - 1))
        return [*good[:at], _changed(draw, good[at]), *good[at + draw(st.integers(0, 1)) :]]
    elif isinstance(good, str) and draw(st.booleans()):
        at = draw(st.integers(0, len(good)))
        return good[:at] + draw(st.text(max_size=3)) + good[at + draw(st.integers(0, 1)) :]
    elif isinstance(good, int) and not isinstance(good, bool) and draw(st.booleans()):
        return good + draw(st.integers(-2, 2))
    return draw(json_values)

"""Feature toggles: what the cloud switches on and off in a device.

Source: protocol/cloud-services.md 4.5, protocol/activation-and-media.md 8.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from endpoint.wire.codec import convert
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

FEATURE_UPDATE: Final = "featureToggle_update"  # data.eventType of the push
KINDS: Final = ("developer", "entitlement", "user")
PUSHED_KINDS: Final = ("developer", "user")  # a push of another type, also DEV, is ignored

HIGH_AVAILABILITY: Final = "web-high-availability"  # developer toggles that a transport reads itself
SHARED_MERCURY: Final = "web-shared-mercury"

# what JavaScript's Number() reads; a radix form beyond 64 digits is left as text
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Infinity", re.ASCII)
_RADIX: Final = re.compile(r"0(?:[xX][0-9a-fA-F]{1,64}|[oO][0-7]{1,64}|[bB][01]{1,64})")
_EXACT: Final = 2**53


def coerce(val: str) -> bool | int | float | str:
    """Return the value that a client computes from a toggle's text.

    A numeric text (the empty one is 0) is a number, `true` and `false` in any case are booleans, all others stay text. Whole numbers below
    2^53 are int.
    """
    text = val.strip()
    if not text:
        return 0
    if _RADIX.fullmatch(text):
        number = float(int(text, 0))
    elif _DECIMAL.fullmatch(text):
        number = float(text.replace("Infinity", "inf"))
    else:
        return {"true": True, "false": False}.get(val.lower(), val)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def text_of(value: bool | int | float | str) -> str:
    """Return the text that stands for a value in `val`: the other direction of `coerce`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Feature(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """One toggle, members in the order of the slides.

    `val` has to be a JSON string: clients throw on anything else. A `value` beside it is ignored, they compute it anew.
    """

    key: str
    val: str
    mutable: bool | None = None
    group: str | None = None
    percentage: int | float | None = None
    org_id: str | None = None
    type: str | None = None
    deleted_time: int | None = None
    last_modified: str | None = None

    @property
    def value(self) -> bool | int | float | str:
        """Return what the toggle is set to."""
        return coerce(self.val)


class FeatureSets(msgspec.Struct, kw_only=True, frozen=True):
    """The three sets of a registration. Reading them is local: no request goes out for it."""

    developer: tuple[Feature, ...] = ()
    entitlement: tuple[Feature, ...] = ()
    user: tuple[Feature, ...] = ()

    def get(self, kind: str, key: str) -> bool | int | float | str | None:
        """Return the value of a toggle; None if the set has none of that key. Of equal keys the last one counts."""
        found = [feature for feature in self._of(kind) if feature.key == key]
        return found[-1].value if found else None

    def with_feature(self, kind: str, feature: Feature) -> FeatureSets:
        """Return the sets with one toggle put in place of its old state, or added."""
        features = self._of(kind)
        keys = [known.key for known in features]
        if feature.key in keys:
            changed = tuple(feature if known.key == feature.key else known for known in features)
        else:
            changed = (*features, feature)
        return msgspec.structs.replace(self, **{kind: changed})

    def _of(self, kind: str) -> tuple[Feature, ...]:
        if kind not in KINDS:
            raise LocalProtocolError(f"a toggle is one of {', '.join(KINDS)}")
        return {"developer": self.developer, "entitlement": self.entitlement, "user": self.user}[kind]


class _Update(msgspec.Struct, kw_only=True, rename="camel"):
    feature_toggle: Feature


def apply_update(sets: FeatureSets, data: Mapping[str, Any]) -> FeatureSets:
    """Return the sets after a pushed `featureToggle_update`; unchanged if its type, lower-cased, is neither developer nor user.

    Raises:
        RemoteProtocolError: no toggle in it, its type is missing, or `val` is no string.
    """
    feature = convert(data, _Update, "data").feature_toggle
    if feature.type is None:
        raise RemoteProtocolError("data.featureToggle.type", "present")
    kind = feature.type.lower()
    return sets.with_feature(kind, feature) if kind in PUSHED_KINDS else sets


def update_data(kind: str, feature: Feature) -> dict[str, Any]:
    """Build the `data` of a `featureToggle_update`: `type` is the kind in capitals.

    Raises:
        LocalProtocolError: clients do not take toggles of that kind by push.
    """
    if kind not in PUSHED_KINDS:
        raise LocalProtocolError(f"a pushed toggle is one of {', '.join(PUSHED_KINDS)}")
    pushed = msgspec.structs.replace(feature, type=kind.upper())
    return {"eventType": FEATURE_UPDATE, "featureToggle": msgspec.to_builtins(pushed)}

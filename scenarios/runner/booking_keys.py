"""What an expectation of `bookings` may name: the members that a booking has in `Bookings List`, and nothing else.

Lists and maps of other subjects are checked in the same way.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from endpoint.room.bookings.booking import PLATFORMS, Booking, Source
from endpoint.room.bookings.fields import fields
from endpoint.wire.bookings_put import PLATFORMS as PUT_PLATFORMS
from endpoint.wire.xapi.releases import Release
from scenarios.runner.matcher_compiler import NOT_OPERATORS, OPERATORS
from scenarios.runner.problems import Problems
from scenarios.runner.spaces import ANY, TRUTH, Shape, Space, check_literal, shape_of, words
from scenarios.runner.yamltree import Node, Scalar, Sequence

NEWEST: Final[Release] = (999, 0)
"""Later than any release that tells members of its own."""
_LIST_WORDS: Final = ("count", "each", "exists", "has")
_OF_ITEMS: Final = ("has", "each")
_OF_THE_SAME: Final = ("is", "not", "any", "all", "from", "to", "only")
_OF_SEVERAL: Final = ("any", "all")


_KNOWN: Final = {
    "Privacy": words("Public", "Private"),
    "Time.IsAllDay": TRUTH,
    "MeetingPlatform": words(*dict.fromkeys((*PLATFORMS.values(), *PUT_PLATFORMS))),
    "Cancellable": TRUTH,
    "BookedFromDevice": TRUTH,
    "Webex.Enabled": TRUTH,
    "DialInfo.Calls.Call.Protocol": ANY,
    "DialInfo.Calls.Call.CallType": words("Video", "Audio", "AudioOnly"),
    "DialInfo.ConnectMode": words("OBTP", "Manual"),
}
"""Members whose words an example does not tell."""


def _shape() -> Shape:
    """Return a list with one booking that has every member a booking can have."""
    instant = datetime(2026, 1, 5, tzinfo=UTC)
    booking = Booking(source=Source.CLOUD, starts=instant, ends=instant, addresses={"callURI": "sip:a@room.example"})
    return shape_of([fields(booking, 0, NEWEST)], _KNOWN)


SHAPE: Final = _shape()


def check_bookings(problems: Problems, node: Node) -> None:
    """Note each member that no booking has, and each map that stands where there is a list."""
    check_members(problems, node, SHAPE, "bookings", "a booking")


def check_members(problems: Problems, node: Node, shape: Shape, name: str, of: str, whole: str | None = None) -> None:
    """Note each member that a shape has not, each literal that a member never is, and each map that stands where there is a list.

    Args:
        shape: a list of one element, or a map, with every member that there can be, and what each can be.
        of: what one element of the whole list is; `whole` is the name of that list.
    """
    whole = name if whole is None else whole
    if isinstance(node, Scalar):
        if isinstance(shape, Space):
            check_literal(problems, node, shape, f"`{name}` of {of}")
    elif isinstance(node, Sequence):
        for item in node.items:
            check_members(problems, item, shape[0] if isinstance(shape, list) else shape, name, of, whole)
    elif all(one.key in OPERATORS or one.key in NOT_OPERATORS for one in node.entries):
        for one in node.entries:
            if one.key in _OF_SEVERAL and isinstance(one.node, Sequence):
                for item in one.node.items:
                    check_members(problems, item, shape, name, of, whole)
            elif one.key in _OF_THE_SAME:
                check_members(problems, one.node, shape, name, of, whole)
            elif one.key in _OF_ITEMS and isinstance(shape, list):
                check_members(problems, one.node, shape[0], name, of, whole)
    else:
        for one in node.entries:
            if isinstance(shape, list):
                if one.key not in OPERATORS:
                    problems.unknown(one.at, f"`{name}` is a list: it has no `{one.key}`", one.key, _LIST_WORDS)
            elif isinstance(shape, dict) and one.key not in shape:
                owner = of if name == whole else f"`{name}` of {of}"
                problems.unknown(one.at, f"{owner} has no `{one.key}`", one.key, shape)
            elif isinstance(shape, dict):
                check_members(problems, one.node, shape[one.key], one.key, of, whole)

"""What the language has and this version does not do yet.

A scenario that uses one of these words is refused with the reason: a word is never ignored. Whoever builds a part takes its rows out.
Names are `<area>.<word>`; the areas are cloud, device, step, verb, subject, expect, checks, fault (layers), a layer (its actions, such as
`link.flap`) and a verb (its keys).
"""

from __future__ import annotations

from typing import Final

_FLEET = "it comes with fleets"
_GOOGLE = "it comes with Google calendars"
_MEDIA = "it comes with media"
_PANEL = "it comes with the panel"

NOT_YET: Final[dict[str, str]] = {
    "platform.exchange": "it comes with Exchange",
    "platform.google": _GOOGLE,
    "platform.tms": "it comes with TMS",
    "platform.webex": "`webex_meeting` needs no platform",
    "cloud.quirks": "the stub has no quirks to choose from; `roomsim replay` plays what a cloud really answered",
    "device.count": _FLEET,
    "device.macros": "it comes with macros",
    "step.spread": _FLEET,
    "expect.share": _FLEET,
    # verbs of the device
    "verb.macro": "it comes with macros",
    # layers of faults
    "media.one_way": _MEDIA,
    "media.low_bandwidth": "packets of media are modelled, not sent: nothing waits in a queue",
    "media.ice_fail": "`fault: media.all_blocked` blocks every path",
    "media.rtcp_blocked": "it comes with RTCP",
    # actions of layers that are there
    "hybrid.acl_missing": _GOOGLE,
    "hybrid.tms_unmapped": "it comes with TMS",
    "hybrid.tnef_stripped": "it comes with Exchange",
    # keys of verbs that are there
    "cloud.meeting.create.platform": "`cloud.invite` takes the long way: platform, mailbox, keyword",
    "press.hold": _PANEL,
}


def not_yet(area: str, word: str) -> str | None:
    """Return the sentence for a word of the language that is not built yet, or None when it is built or unknown."""
    reason = NOT_YET.get(f"{area}.{word}")
    return None if reason is None else f"not built yet: `{word}`: {reason}"

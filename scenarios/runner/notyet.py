"""What the language has and this version does not do yet.

A scenario that uses one of these words is refused with the reason: a word is never ignored. Whoever builds a part takes its rows out.
Names are `<area>.<word>`; the areas are cloud, device, step, verb, subject, expect, checks, fault (layers), a layer (its actions, such as
`link.flap`) and a verb (its keys).
"""

from __future__ import annotations

from typing import Final

_FLEET = "it comes with fleets"
_GOOGLE = "it comes with Google calendars"
_CLIENT = "it comes with clients that keep a connection"
_DOORS = "scenarios use the websocket, HTTP, or call inside the process; `roomsim endpoint run` opens the SSH door"
_LINK = "it comes with the network model below TCP"
_MEDIA = "it comes with media"
_PANEL = "it comes with the panel"
_RECORD = "it comes with the recorder"

NOT_YET: Final[dict[str, str]] = {
    "platform.exchange": "it comes with Exchange",
    "platform.google": _GOOGLE,
    "platform.tms": "it comes with TMS",
    "platform.webex": "`webex_meeting` needs no platform",
    "cloud.quirks": _RECORD,
    "device.count": _FLEET,
    "device.log_style": "only the log style of 2022 is there",
    "device.macros": "it comes with macros",
    "step.spread": _FLEET,
    "expect.share": _FLEET,
    # verbs of the device
    "verb.macro": "it comes with macros",
    # layers of faults
    "fault.client": _CLIENT,
    "fault.every": "it comes with chaos runs",
    "fault.media": _MEDIA,
    "fault.power": "`restart: device` with `from: crash` cuts the power",
    "fault.storage": "it comes with the faults of storage",
    # actions of layers that are there
    "link.flap": _LINK,
    "link.no_address": _LINK,
    "link.lossy": _LINK,
    "link.throttle": _LINK,
    "link.mtu": _LINK,
    "dns.tcp_only": "the simulated resolver has no transports",
    "dns.wrong_address": _LINK,
    "dns.delay": _LINK,
    "tcp.half_close": _LINK,
    "tcp.throttle": _LINK,
    "tcp.idle_cut": _LINK,
    "tls.old_version": "it comes with the man in the middle",
    "tls.abort": _LINK,
    "udp.delay": _LINK,
    "udp.duplicate": _LINK,
    "udp.reorder": _LINK,
    "udp.corrupt": _LINK,
    "udp.rewrite": _LINK,
    "clock.drift": "clocks run at one rate",
    "clock.freeze": "clocks run at one rate",
    "hybrid.acl_missing": _GOOGLE,
    "hybrid.tms_unmapped": "it comes with TMS",
    "hybrid.tnef_stripped": "it comes with Exchange",
    # keys of verbs that are there
    "cloud.meeting.create.platform": "`cloud.invite` takes the long way: platform, mailbox, keyword",
    "network.latency": _LINK,
    "network.jitter": _LINK,
    "network.loss": _LINK,
    "network.rate": _LINK,
    "network.mtu": _LINK,
    "network.direction": _LINK,
    "over.ssh": _DOORS,
    "subscribe.over": _CLIENT,
    "press.hold": _PANEL,
}


def not_yet(area: str, word: str) -> str | None:
    """Return the sentence for a word of the language that is not built yet, or None when it is built or unknown."""
    reason = NOT_YET.get(f"{area}.{word}")
    return None if reason is None else f"not built yet: `{word}`: {reason}"

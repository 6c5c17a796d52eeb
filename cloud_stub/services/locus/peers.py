"""Far ends behind the gateway: what each does when it is called, and what it was asked on the way.

Source: protocol/calendar-and-obtp.md 9.1 and 9.5 (Zoom's addresses, the refused TLS), xapi.md 8.3 (causes); behaviour, ours.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from cloud_stub.platform.errors import BadRequest, BoundHit
from cloud_stub.services.locus.addresses import GatewayTarget, bare, is_zoom
from cloud_stub.services.locus.state import Cause
from endpoint.wire.locus import errors
from endpoint.wire.locus.dto import Reason
from endpoint.wire.secret import Pin
from endpoint.wire.zoom import ZoomAddress, meeting_id

ANSWER: Final = "answer"
BUSY: Final = "busy"
REJECT: Final = "reject"
NO_ANSWER: Final = "no_answer"
NOT_FOUND: Final = "not_found"
PROMPT: Final = "prompt"
SSL: Final = "ssl"
BEHAVIOURS: Final = (ANSWER, BUSY, REJECT, NO_ANSWER, NOT_FOUND, PROMPT, SSL)
AFTER_S: Final = 1.0
SSL_AFTER_S: Final = 2.0
RINGS_AFTER_S: Final = 0.2
SCRIPTS_MAX: Final = 1_000
PEERS_MAX: Final = 1_000
"""Far ends whose state is remembered; the one called longest ago is forgotten first."""
TONES: Final = frozenset("0123456789*#ABCDabcd,")
"""What can be sent as tones; a comma is a pause."""
TONES_MAX: Final = 64
DIGITS_MAX: Final = 64
"""What a prompt takes in before it starts anew."""

CAUSES: Final[dict[str, tuple[str, Cause]]] = {
    BUSY: (Reason.BUSY, Cause(code=486, text="Busy Here", type="RemoteBusy", value=17)),
    REJECT: (Reason.REMOTE, Cause(code=603, text="Decline", type="RemoteRejected", value=21)),
    NO_ANSWER: (Reason.UNANSWERED, Cause(code=480, text="Temporarily Unavailable", type="RemoteNoAnswer", value=19)),
    NOT_FOUND: (Reason.NOT_FOUND, Cause(code=404, text="Not Found", type="UnknownRemoteSite", value=1)),
    SSL: (
        Reason.UNREACHABLE,
        Cause(code=38, text="SSL connection rejected", type="SslRejected", origin="Internal", value=38),
    ),
}
"""How a call ends that is not answered: reason of the participant, and what the gateway says."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a far end does when it is called.

    Attributes:
        meeting_id, passcode: what a prompt asks for; without them it takes anything.
    """

    behaves: str = ANSWER
    after_s: float = AFTER_S
    meeting_id: str = ""
    passcode: Pin | None = None


@dataclass(slots=True)
class Peer:
    """What is known of a far end.

    Attributes:
        state: idle, ringing, prompt, in_meeting, refused, ended.
        prompts: how often it has asked for something, over all calls.
        asks: `meeting` or `passcode` while it asks, else empty.
    """

    address: str
    state: str = "idle"
    prompts: int = 0
    calls: int = 0
    asks: str = ""
    digits: str = field(default="", repr=False)
    script: Script = Script()

    def shown(self) -> dict[str, object]:
        """Return what may be shown."""
        return {
            "address": self.address,
            "state": self.state,
            "prompts": self.prompts,
            "calls": self.calls,
            "behaves": self.script.behaves,
        }


class Peers:
    """All far ends, and what is laid down for them."""

    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}
        self._peers: OrderedDict[str, Peer] = OrderedDict()

    def script(
        self, address: str, behaves: str, after_s: float | None = None, meeting: str = "", passcode: str = ""
    ) -> str:
        """Lay down what a far end does from now on; returns the address that it is known by.

        Raises:
            BadRequest: no address, a behaviour that there is none of, or a negative wait.
            BoundHit: SCRIPTS_MAX addresses have one.
        """
        key = peer_key(address)
        if not key:
            raise BadRequest("a far end has an address, such as someone@elsewhere.example")
        if behaves not in BEHAVIOURS:
            raise BadRequest(f"a far end behaves as one of {', '.join(BEHAVIOURS)}")
        if after_s is not None and after_s < 0:
            raise BadRequest("after is 0 or more seconds")
        if key not in self._scripts and len(self._scripts) >= SCRIPTS_MAX:
            raise BoundHit("scripts of far ends", SCRIPTS_MAX)
        wait_s = after_s if after_s is not None else SSL_AFTER_S if behaves == SSL else AFTER_S
        script = Script(behaves, wait_s, meeting_id(meeting), Pin(passcode) if passcode else None)
        self._scripts[key] = script
        self.of(key).script = script
        return key

    def script_of(self, address: str) -> Script | None:
        """Return what is laid down for an address, or for the meeting that an address of Zoom leads to; None if nothing is."""
        return self._scripts.get(bare(address)) or self._scripts.get(peer_key(address))

    def of(self, address: str) -> Peer:
        """Return what is known of a far end, under the address that it is known by."""
        key = peer_key(address)
        peer = self._peers.pop(key, None) or Peer(key)
        self._peers[key] = peer
        while len(self._peers) > PEERS_MAX:
            self._peers.popitem(last=False)
        return peer

    def known(self, address: str) -> Peer | None:
        """Return what is known of a far end; None if it was neither called nor laid down."""
        return self._peers.get(peer_key(address)) or self._peers.get(bare(address))

    def all(self) -> list[Peer]:
        """Return every far end that is known, in the order of their calls."""
        return list(self._peers.values())


def tones_of(tones: Pin) -> Pin:
    """Return tones as they are.

    Raises:
        BadRequest: none, too many, or other characters.
    """
    text = tones.reveal()
    if not text or len(text) > TONES_MAX or set(text) - TONES:
        raise BadRequest(f"tones are 1 to {TONES_MAX} of 0 to 9, *, #, A to D", str(errors.INVALID_KEY))
    return tones


def peer_key(address: str) -> str:
    """Return what a far end is known by: the bare address; of a meeting at Zoom `<meeting id>@<host>`, whatever stands between."""
    text = bare(address)
    zoom = ZoomAddress.parse(text)
    is_meeting = zoom.meeting_id.isdigit() and "@" in text and is_zoom(text)
    return f"{zoom.meeting_id}@{zoom.domain}" if is_meeting else text


def planned(target: GatewayTarget, script: Script | None, known_passcode: str, *, is_stripped: bool = False) -> Script:
    """Return what happens when a far end is called: what is laid down, else what its address says.

    Args:
        known_passcode: of the meeting at Zoom, if anybody has told the cloud.
        is_stripped: the passcode is lost on the way.

    An address of Zoom with a scheme and TLS is refused 2 s later; with the right passcode, or where none is known, it leads into the
    meeting, otherwise to a prompt.
    """
    if not target.is_zoom:
        return script or Script()
    if target.is_tls and (script is None or script.behaves in (ANSWER, PROMPT)):
        return Script(SSL, SSL_AFTER_S)
    if script is not None and script.behaves not in (ANSWER, PROMPT):
        return script
    zoom = ZoomAddress.parse(target.address)
    laid = script or Script()
    expected = laid.passcode.reveal() if laid.passcode is not None else known_passcode
    given = "" if is_stripped else zoom.passcode
    if is_stripped and not expected:
        expected = zoom.passcode
    wanted_id = laid.meeting_id or zoom.meeting_id
    has_id = zoom.meeting_id.isdigit() and zoom.meeting_id == wanted_id
    is_right = has_id and (given == expected if expected else not is_stripped and laid.behaves != PROMPT)
    behaves = ANSWER if is_right else PROMPT
    asked_id = "" if has_id else wanted_id if wanted_id.isdigit() else ""
    return Script(behaves, laid.after_s, asked_id, Pin(expected) if expected else None)


def begin_prompt(peer: Peer, script: Script) -> None:
    """Let a far end ask for what is missing."""
    peer.state, peer.digits = "prompt", ""
    peer.asks = "meeting" if script.meeting_id else "passcode"
    peer.prompts += 1


def dialled(peer: Peer, script: Script, tones: str) -> bool:
    """Take tones at a prompt, `#` ends what is entered; returns whether the far end lets its caller in now."""
    for tone in tones:
        if not peer.asks:
            return False
        if tone != "#":
            peer.digits = (peer.digits + tone)[-DIGITS_MAX:]
            continue
        given, peer.digits = peer.digits, ""
        if _entered(peer, script, given):
            peer.asks, peer.state = "", "in_meeting"
            return True
        peer.prompts += 1
    return False


def _entered(peer: Peer, script: Script, given: str) -> bool:
    """Judge what was entered; returns whether that was all."""
    if peer.asks == "meeting":
        if not given or (script.meeting_id and given != script.meeting_id):
            return False
        peer.asks = "passcode"
        return script.passcode is None
    return given == script.passcode.reveal() if script.passcode is not None else bool(given)

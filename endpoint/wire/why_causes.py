"""The catalogue of causes as data: the links of the chain from the organizer to the button, and what can break each.

Keys, texts and order are ours; the causes themselves are documented or observed through the rows that are named.
Source: protocol/calendar-and-obtp.md 15, 7.1 (order), 7.3, 8, 10.2, 14.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """What a cause does to the button: there is none, it comes later by itself, or it comes with a flaw."""

    BLOCKS = "blocks"
    DELAYS = "delays"
    SPOILS = "spoils"


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain, and the side whose evidence judges it."""

    id: str
    title: str
    side: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of a missing button.

    Attributes:
        row: its row in the catalogue (section 15).
        proof: the evidence that proves it.
        needs: what has to be built before it can happen; empty where it can.
    """

    row: int
    key: str
    link: str
    title: str
    cure: str
    seeds: tuple[str, ...]
    proof: str
    severity: Severity = Severity.BLOCKS
    needs: str = ""


LINKS: Final = (
    Link("organizer", "Organizer invites the room", "cloud"),
    Link("room", "Room mailbox accepts", "cloud"),
    Link("notification", "Service hears of it", "cloud"),
    Link("horizon", "Near enough to be processed", "cloud"),
    Link("join", "Join details are found", "cloud"),
    Link("workspace", "Workspace has that calendar", "cloud"),
    Link("premises", "Premises: TMS books and pushes", "cloud"),
    Link("keys", "Titles and join fields open", "both"),
    Link("device", "Device is registered", "both"),
    Link("delivery", "Meeting reaches the device", "both"),
    Link("booking", "Booking is on the list", "device"),
    Link("clock", "Device knows the time", "device"),
    Link("button", "Button shows", "device"),
)
"""Every link, in the order of the chain."""

NO_INTEROP: Final = "no_interop"
"""Of a Teams meeting that the service passes over: both a cause and what its reading says."""
_GOOGLE: Final = "the Google platform"
_EXCHANGE: Final = "Exchange on premises"
_TMS: Final = "TMS"

CAUSES: Final = (
    Cause(
        1, "mailbox_not_auto_accept", "room", "The room mailbox does not answer invitations by itself",
        "Switch on automatic processing (AutomateProcessing AutoAccept) at the room mailbox, then send the invitation again.",
        ("H27", "Z06"), "room.automateProcessing is not AutoAccept, room.response is none or tentative",
    ),
    Cause(
        2, "room_declined", "room", "The room declined the invitation",
        "Choose another time or room, or change the setting of the room mailbox that declined it.",
        ("O02", "Z05", "Z06"), "room.response is declined; room.reason: conflict, policy, window, horizon or duration",
    ),
    Cause(
        3, "external_sender", "room", "The room mailbox ignores organizers from outside",
        "Set ProcessExternalMeetingMessages of the room mailbox to true, or let somebody inside the organization invite.",
        ("Z06",), "organizer.isExternal, room.processesExternal is false, room.response is none",
    ),
    Cause(
        4, "workspace_address_mismatch", "workspace", "The invited address is not the one at the workspace",
        "Correct the address at the workspace (Scheduling > Calendar), or invite the address that stands there.",
        ("O09", "O07"), "workspace.address is not among event.invited",
    ),
    Cause(
        5, "workspace_no_calendar", "workspace", "The workspace has no calendar",
        "Finish the set-up: Hybrid Calendar for the organization, then calendar and room address at the workspace.",
        ("O06", "O07", "Z10"), "workspace.calendar is none, workspace.address is empty, or workspace.missingStep is named",
    ),
    Cause(
        6, "delete_comments", "join", "The room's copy of the invitation lost its body, and the join details with it",
        "Set DeleteComments of the room mailbox to false, put the address into Location, or enable the organizer for Hybrid Calendar.",
        ("L20",), "room.deletesComments, event.copyRead is room, event.addressIn is body, event.hasBody is false",
    ),
    Cause(
        7, "no_join_field", "join", "None of the five join fields is there",
        "Put a keyword (@webex, @meet) or a supported video address into Location or the body, and send the update.",
        ("L19", "Z03", "Z04"), "dto.joinFields or the device's meeting.joinFields is empty",
    ),
    Cause(
        7, NO_INTEROP, "join", "The organization has no licence to join Teams meetings",
        "Buy and assign the licence for video interoperability (CVI); the daily job, or the meeting's next change, then brings it.",
        ("H09",), "reading.diagnostics names no_interop: the service passes the meeting over",
    ),
    Cause(
        8, "no_personal_room", "join", "The organizer has no Personal Room that is tied to the account",
        "Link the Webex site, or let the organizer choose a preferred site (or import preferredWebExSite), then send the update.",
        ("O10",), "reading.action is personal_room, organizer.hasPersonalRoom is false or organizer.site is empty",
    ),
    Cause(
        9, "beyond_window", "horizon", "The meeting is further ahead than the cloud looks",
        "Nothing: the cloud takes it up by itself, the daily job within 6 months, its store within 31 days.",
        ("O62",), "horizon.layer is pickup or store", Severity.DELAYS,
    ),
    Cause(
        10, "subscription_expired", "notification",
        "The service is not told of changes: its subscription has expired, or was never validated",
        "Renew the subscription; the service then reads what it missed.",
        ("O03",), "subscription.state is not active, or subscription.missed",
    ),
    Cause(
        11, "websocket_down", "delivery", "The push was lost, and the device has not caught up since",
        "Reconnect the device's websocket (or wait for its next catch-up): a catch-up brings what was missed.",
        ("L02", "L03"), "the device has not the cloud's version; mercury is not open, or the push was heard by nobody",
    ),
    Cause(
        12, "kms_down", "keys", "The key service does not answer: no titles, and no dialling where join fields need a key",
        "Restore the key service (KMS); titles are read without a new event. The button itself does not need it.",
        ("L18", "O16"), "keys.isUp is false, or meeting.titleIsReadable is false", Severity.SPOILS,
    ),
    Cause(
        13, "google_acl", "notification", "The service account is not on the resource's access list",
        "Enable resource access with an ACL administrator account.",
        ("H28",), "free/busy only", needs=_GOOGLE,
    ),
    Cause(
        14, "google_domain_not_verified", "workspace", "The resource address has the prefix of a domain that is not verified",
        "Verify the domain, or take the address that begins with c_.",
        ("H29",), "the address is refused at the workspace", needs=_GOOGLE,
    ),
    Cause(
        15, "tnef_off", "premises", "Hybrid Exchange strips the attributes with the dial string",
        "Allow TNEF for the remote domain, and send the invitation again.",
        ("H25", "H26"), "attributes absent after transit", needs=_EXCHANGE,
    ),
    Cause(
        16, "tms_unmapped", "premises", "The system has no mailbox address in TMS",
        "Enter the room's address at the system (Edit Settings > Email Address).",
        ("O45",), "system without address", needs=_TMS,
    ),
    Cause(
        16, "tms_unlicensed", "premises", "The system has no TMS licence",
        "License the system in TMS.",
        ("O25", "H24"), "system without licence", needs=_TMS,
    ),
    Cause(
        16, "xe_missing", "premises", "The room is not on the list of TMSXE",
        "Add the room in TMSXE.",
        ("H24",), "no XE entry, TMS lists no conference", needs=_TMS,
    ),
    Cause(
        17, "tms_link_failed", "premises", "The connector cannot reach TMS",
        "Correct what Test Connection names: dns, tls_issuer, credentials, version or unreachable.",
        ("H33", "O23", "O24"), "connector is not Running", needs=_TMS,
    ),
    Cause(
        18, "tms_no_bridge", "premises", "TMS has no bridge to book",
        "Set a preferred bridge (Conference Settings > Advanced).",
        ("O32",), "no conference", needs=_TMS,
    ),
    Cause(
        18, "tms_defective", "premises", "The conference in TMS is Defective",
        "Solve the conflict or the missing route, and save the conference again.",
        ("O32",), "conference state Defective", needs=_TMS,
    ),
    Cause(
        19, "family_not_supported", "device", "Devices of this family get no button this way",
        "Bring the button by another way, TMS for one, or use a RoomOS device.",
        ("H05", "H12", "H13"), "model of the families CTS, MXP or C Series",
    ),
    Cause(
        20, "device_not_registered", "device", "The device is not registered with the cloud",
        "Switch the device on, activate it, and let it register; in another mode (Teams Rooms) it has no cloud bookings.",
        ("H05",), "isUp, isActivated or isRegistered is false, or mode is not webex; account.registrations is 0",
    ),
    Cause(
        21, "visibility", "booking", "A configuration of the device hides the booking",
        "Set the configuration that is named to Auto.",
        ("Z03",), "booking.hiddenBy names it",
    ),
    Cause(
        22, "clock_wrong", "clock", "The device's clock is wrong, so the button comes at the wrong moment",
        "Set the device's NTP server (NetworkServices NTP) and its time zone (Time Zone).",
        ("Z07", "L27"), "clock.skewS is more than half a minute, or clock.zone is not clock.expectedZone",
    ),
    Cause(
        23, "replaced_list", "booking", "A later Put or push replaced the list, and this booking is not on it",
        "Send the whole list: whoever pushes bookings lists them, merges, and sends all of them.",
        ("H20",), "replaced.droppedThis",
    ),
)  # fmt: skip
"""Every cause, by its row in the catalogue."""

CAUSE: Final[Mapping[str, Cause]] = {cause.key: cause for cause in CAUSES}
OK: Final = "ok"
UNKNOWN: Final = "unknown"
"""What stands in the place of a key: nothing is wrong; or the button is missing and nothing that was asked explains it."""
WORDS: Final = (OK, *CAUSE, UNKNOWN)
_PLACES: Final = {link.id: place for place, link in enumerate(LINKS)}
UNSUPPORTED_FAMILIES: Final = ("CTS", "MXP", "C Series", "Codec C")
"""How names of models begin that have no Hybrid Calendar (H05, H13, 14.2)."""


def has_hybrid_calendar(model: str) -> bool:
    """Tell whether devices of a model get meetings from Hybrid Calendar."""
    return not model.startswith(UNSUPPORTED_FAMILIES)


def place(key: str) -> tuple[int, int]:
    """Return what orders causes as the chain does."""
    cause = CAUSE[key]
    return _PLACES[cause.link], cause.row

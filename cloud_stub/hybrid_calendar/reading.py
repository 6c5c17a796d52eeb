"""What the cloud reads in an invitation: a keyword, or an address that a device can dial, and why that one.

Source: protocol/calendar-and-obtp.md 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import unquote

from cloud_stub.hybrid_calendar.candidates import (
    ALIAS,
    DIGITS,
    EXPLICIT,
    LINK_ONLY,
    SERVICE,
    Candidate,
    Found,
    find_candidates,
)
from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.keywords import Keyword, KeywordRules, find_keyword
from cloud_stub.hybrid_calendar.meeting_services import CARRIERS, SIP, WEBEX, ZOOM
from cloud_stub.hybrid_calendar.numbers import Context, is_for_rooms
from cloud_stub.hybrid_calendar.texts import Text, read_text

Source = Literal["location", "body"]
Protocol = Literal["Spark", "WebRTC"]

DEFAULT_RULES: Final = KeywordRules()
DIAGNOSTICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "keyword_suffix_unknown": "What stands behind the colon of a keyword is no suffix; the bare word counts.",
        "keyword_off": "The organization has the keyword switched off; addresses are looked for instead.",
        "address_malformed": "Something that should be a video address is not well formed; the next candidate was tried.",
        "alias_mapped": "An address for Skype for Business stands for a Webex address.",
        "video_id_missing": "A tenant key for Teams has no video id beside it.",
        "meeting_number_missing": "A link of Webex or Zoom has no meeting number beside it.",
        "link_malformed": "A mail filter's link holds no link.",
        "link_loop": "A mail filter's link leads to itself.",
        "link_too_deep": "A link is wrapped more often than is unwrapped.",
        "link_opaque": "A mail filter's link does not carry its target.",
        "text_truncated": "A text is longer than is read; its middle was left out.",
        "candidates_truncated": "A text has more links and addresses than are looked at; the last were left out.",
    }
)
"""What can be odd about an invitation."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A candidate that was not chosen, and why."""

    candidate: Candidate
    source: Source
    because: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        dial: what a device dials: an address without a scheme, or the URL of a browser meeting (`WebRTC`). None: nothing to dial, or
            nothing yet (a keyword).
        service: whose meeting it is, for people: `Webex`, `Microsoft Teams`, `SIP` ...; empty where nothing was found.
        platform: the `MeetingPlatform` of a booking: MicrosoftTeams, GoogleMeet, Zoom, Webex, Other, None.
        join_type: the `meetingJoinType` of the DTO; empty where there is nothing to join.
        join: the join members of the DTO, in clear; empty where the button must not show.
        link: the meeting's link, also where it is of no use to a device.
        meeting_number, passcode: where the text has them.
        pattern: key of the row of the pattern table that made the dial string.
        label: O, D, I or R: how sure that row is.
        diagnostics: keys of what was odd, see `DIAGNOSTICS`.
        why: one sentence for people.
        chosen, lost: what was found, for those who want to see it all.
    """

    keyword: Keyword | None = None
    dial: str | None = None
    protocol: Protocol | None = None
    service: str = ""
    platform: str = "None"
    source: Source | None = None
    join_type: str = ""
    join: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    meeting_number: str = ""
    passcode: str = field(default="", repr=False)
    pattern: str = ""
    label: str = "R"
    diagnostics: tuple[str, ...] = ()
    why: str = ""
    chosen: Candidate | None = None
    lost: tuple[Lost, ...] = ()


def read_invitation(invitation: Invitation, rules: KeywordRules = DEFAULT_RULES) -> Reading:
    """Read an invitation; never raises: what cannot be read is told in `diagnostics` and `why`."""
    location, body = read_text(invitation.location), read_text(invitation.body, invitation.is_html)
    keyword = find_keyword(location.shown, rules)
    context = Context("\n".join((location.shown, body.shown, *map(_spoken, (*location.hrefs, *body.hrefs)))))
    first = _adopted(find_candidates(location, context), location)
    second = _adopted(find_candidates(body, context), body)
    odd = [*first.diagnostics, *second.diagnostics]
    if keyword is not None and keyword.has_unknown_suffix:
        odd.insert(0, "keyword_suffix_unknown")
    if keyword is not None and keyword.action == "none":
        odd.insert(0, "keyword_off")
    diagnostics = tuple(dict.fromkeys(odd))
    everything: list[tuple[Candidate, Source]] = [(one, "location") for one in first.candidates]
    everything += [(one, "body") for one in second.candidates]
    if keyword is not None and keyword.action != "none":
        lost = tuple(
            Lost(one, source, "a keyword in the Location comes before every address") for one, source in everything
        )
        return replace(_of_keyword(keyword, lost), diagnostics=diagnostics)
    return replace(_of_candidates(first, second, everything), keyword=keyword, diagnostics=diagnostics)


def _spoken(href: str) -> str:
    """Return what numbers of a link count as text: those that a telephone dials."""
    return unquote(href) if href[:4].lower() == "tel:" else ""


# ---- keywords ------------------------------------------------------------------------------------------------------


_ACTIONS: Final = {
    "personal_room": "asks for the scheduler's Personal Room",
    "space": "asks for a Webex space",
    "onetime": "asks for a one-time Webex meeting",
    "tms": "asks for a meeting on the bridge that TMS books",
}


def _of_keyword(keyword: Keyword, lost: tuple[Lost, ...]) -> Reading:
    why = f"Location holds the keyword {keyword.shown}, which {_ACTIONS[keyword.action]}"
    if keyword.has_unknown_suffix:
        why += f" (the suffix of {keyword.written} is not known and does not count)"
    if lost:
        why += f" and wins over {_named(lost[0].candidate)} in {_place(lost[0].source)}"
    service, join_type = {"space": ("Webex space", "TEAMS"), "tms": ("TMS", "")}.get(keyword.action, ("Webex", "WEBEX"))
    platform = "None" if keyword.action == "tms" else "Webex"
    return Reading(
        keyword,
        service=service,
        platform=platform,
        source="location",
        join_type=join_type,
        why=f"{why}; what to dial is made when the meeting is.",
        lost=lost,
    )


# ---- addresses -----------------------------------------------------------------------------------------------------


def _adopted(found: Found, text: Text) -> Found:
    """Let a bare SIP address count as the video address of a service that stands beside it.

    One that takes such addresses (Teams, Meet ...) takes any that looks like a meeting's, if no other service has one there; else the
    numbers have to be the same.
    """
    hosts = [one for one in found.candidates if one.rank in (SERVICE, LINK_ONLY) and one.link]
    spelt = {one.dial.lower(): one.service for one in hosts if one.dial is not None}
    if not hosts:
        return found
    taking = next((one.service for one in hosts if one.service.takes_interop), None)
    if taking is not None and any(
        one.rank <= SERVICE and one.service not in (taking, *CARRIERS)
        for one in found.candidates
        if one.dial is not None
    ):
        taking = None
    own = {one.number: one.service for one in hosts if one.dial is not None and not one.is_web}

    def adopted(one: Candidate) -> Candidate:
        if one.service is SIP and one.dial is not None and (owner := spelt.get(one.dial.lower())):
            return replace(one, service=owner, rank=min(one.rank, SERVICE))
        if one.service not in CARRIERS or not one.is_sip or not one.number.replace(".", "").isdecimal():
            return one  # a name is somebody's address, a number is a meeting's
        takes = taking is not None and (one.rank != DIGITS or is_for_rooms(text.shown, one.place, one.number))
        owner = taking if takes and taking is not None else own.get(one.number, one.service)
        return one if owner is one.service else replace(one, service=owner, rank=min(one.rank, SERVICE))

    return replace(found, candidates=tuple(map(adopted, found.candidates)))


def _best(found: Found) -> Candidate | None:
    """Choose within one text: explicit, then services in the order of the text, within one its video address before its link."""
    able = [one for one in _newest(found.candidates) if one.dial is not None]
    if not able:
        return None
    rank = min(one.rank for one in able)
    leader = next(one for one in able if one.rank == rank)
    same = [one for one in able if one.service.name == leader.service.name and one.rank == rank]
    return min(same, key=lambda one: (not one.is_exact, not one.is_sip, one.at))


def _newest(candidates: tuple[Candidate, ...]) -> list[Candidate]:
    """Return what belongs to the first meeting of each service: below it may stand older invitations, whose links lead elsewhere.

    One block may have two links of Teams, by the meeting's id and by its thread.
    """
    first: dict[tuple[str, bool], str] = {}
    ends: dict[str, int] = {}
    for one in sorted(candidates, key=lambda one: one.place):
        if one.link and one.dial is not None and not one.is_exact:
            named = first.setdefault((one.service.name, one.is_web and one.number.isdecimal()), one.number)
            if named != one.number:
                ends.setdefault(one.service.name, one.place)
    if not ends:
        return list(candidates)
    return [
        one
        for one in candidates
        if one.place < ends.get(one.service.name, one.place + 1) or one.number in first.values()
    ]


def _is_same_meeting(link: Candidate, other: Candidate, body: Found) -> bool:
    """Tell whether a video address in the body belongs to the meeting that a link in the Location names."""
    if link.service.name != other.service.name or not other.is_sip or link.is_sip:
        return False
    if link.is_web:
        named = [one.number for one in body.candidates if one.is_web and one.service is link.service]
        return not named or link.number in named
    return link.number == other.number


def _of_candidates(first: Found, second: Found, everything: list[tuple[Candidate, Source]]) -> Reading:
    location, body = _best(first), _best(second)
    source: Source = "location"
    best = location
    if body is not None and (location is None or _moves_to_body(location, body, second)):
        best, source = body, "body"
    if best is None:
        return _nothing(everything)
    assert best.dial is not None
    lost = tuple(
        Lost(one, where, _because(best, source, one, where))
        for one, where in everything
        if one is not best and (one.dial is None or one.dial.lower() != best.dial.lower() or where != source)
    )
    links = [one for one, _ in everything if one.service.name == best.service.name and one.link]
    link = best.link or next((one.link for one in links), "")
    return Reading(
        dial=best.dial,
        protocol="WebRTC" if best.is_web else "Spark",
        service=best.service.name,
        platform=best.service.platform,
        source=source,
        join_type=best.service.join_type,
        join=_members(best, link),
        link=link,
        meeting_number=best.number if best.number.isdecimal() else "",
        passcode=best.passcode,
        pattern=best.pattern,
        label=best.label,
        why=_why(best, source, lost),
        chosen=best,
        lost=lost,
    )


def _moves_to_body(location: Candidate, body: Candidate, second: Found) -> bool:
    if not _is_same_meeting(location, body, second):
        return False
    return location.dial != body.dial


def _nothing(everything: list[tuple[Candidate, Source]]) -> Reading:
    if not everything:
        return Reading(
            why="Neither Location nor body holds a keyword, a video address, or a link of a meeting service: nothing to dial."
        )
    one, source = everything[0]
    lost = tuple(Lost(found, where, "a link without a video address beside it") for found, where in everything)
    without = " without a number beside it" if one.service in (WEBEX, ZOOM) else ""
    place = "Location" if source == "location" else "The body"
    return Reading(
        service=one.service.name,
        platform=one.service.platform,
        source=source,
        link=one.link,
        pattern=one.pattern,
        label=one.label,
        why=f"{place} holds only {_named(one)}, which a device cannot dial{without}, and no video address: nothing to dial.",
        lost=lost,
    )


def _members(best: Candidate, link: str) -> dict[str, str]:
    """Return the join members of the DTO: in the samples WEBEX has all but the space, TEAMS all but Webex, MSTEAMS neither (5.4)."""
    assert best.dial is not None
    members = {} if best.is_web else {"meetingJoinURI": best.dial}
    if link:
        members["meetingJoinURL"] = link
    if best.service.join_type == "WEBEX":
        members |= {"webexURI": best.dial, "callURI": best.dial}
        if link:
            members["webexURL"] = link
    elif best.service.join_type == "TEAMS":
        members |= {"spaceURI": best.dial, "callURI": best.dial}
    elif best.service.join_type == "OTHER" and not best.is_web:
        members["callURI"] = best.dial
    return members


# ---- sentences -----------------------------------------------------------------------------------------------------


def _place(source: Source) -> str:
    return "Location" if source == "location" else "the body"


def _named(one: Candidate) -> str:
    """Name a candidate for people."""
    if one.link and not one.is_sip:
        return f"the {one.service.name} link"
    if one.rank == ALIAS:
        return f"the Skype for Business alias of {one.dial}"
    return f"the {one.service.name} address {one.dial or one.written}"


def _why(best: Candidate, source: Source, lost: tuple[Lost, ...]) -> str:
    place = _place(source)
    place = place[0].upper() + place[1:]
    if best.is_web:
        said, joined = f"{place} holds a {best.service.name} link, which the device opens over WebRTC", " and which"
    elif best.link:
        said, joined = f"{place} holds a {best.service.name} link, which stands for {best.dial}", " and"
    elif best.dial == best.written or best.rank == ALIAS:
        said, joined = f"{place} holds {_named(best)}", ", which"
    else:
        said, joined = f"{place} holds {best.written}, which makes {_named(best)}", " and"
    if best.service is SIP and best.rank == DIGITS:
        said += " (its user part is all digits)"
    others = sorted(lost, key=lambda one: one.candidate.service is best.service)
    if not others or others[0].candidate.dial == best.dial:
        return f"{said}."
    other = others[0]
    where = "beside it" if other.source == source else f"in {_place(other.source)}"
    return f"{said}{joined} wins over {_named(other.candidate)} {where}."


def _because(best: Candidate, source: Source, one: Candidate, where: Source) -> str:
    """Say why a candidate lost."""
    if one.dial is None:
        return "a link that a device cannot dial"
    if one.dial.lower() == (best.dial or "").lower():
        return "the same address once more"
    if one.service.name == best.service.name and best.is_sip and not one.is_sip:
        return "a link of the same service loses against its video address"
    if where != source:
        return (
            "an address in the Location comes first"
            if source == "location"
            else "the body has the meeting's video address"
        )
    if one.rank == ALIAS:
        return "an alias loses against the address that it stands for"
    if best.rank == EXPLICIT and one.rank > EXPLICIT:
        return "an address with sip: comes first"
    if best.rank == SERVICE and one.rank == DIGITS:
        return "an address of a known service comes first"
    return "it stands behind the chosen one"

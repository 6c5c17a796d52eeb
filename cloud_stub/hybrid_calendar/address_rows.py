"""Addresses of meeting services: by what each is recognised, and what a device dials. The first row that fits counts.

Source: protocol/calendar-and-obtp.md 5.2, 5.4; invitations of the services for what it leaves open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cloud_stub.hybrid_calendar.link_rows import WEBEX_SITES
from cloud_stub.hybrid_calendar.meeting_services import (
    BLUEJEANS,
    CHIME,
    GOTO,
    LIFESIZE,
    PEXIP,
    RINGCENTRAL,
    SPACE,
    STARLEAF,
    TEAMS,
    WEBEX,
    ZOOM,
    Confidence,
    Needs,
    Service,
)


@dataclass(frozen=True, slots=True)
class AddressRow:
    """How an address of a service looks.

    Attributes:
        hosts: as in links.
        user: what the whole user part has to match; groups are for `dial`.
        dial: with `{user}`, `{host}` and the groups; empty: a key that is an address only together with a conference id of the text.
        is_alias: whether it stands for another address and loses against that.
    """

    key: str
    service: Service
    hosts: tuple[str, ...]
    user: str
    dial: str
    label: Confidence
    example: str
    needs: Needs = ""
    is_alias: bool = False
    pattern: re.Pattern[str] = re.compile("")

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.user, re.IGNORECASE | re.ASCII))


_DIGITS: Final = r"\d[\d.]*"
_PERSON: Final = r"[\w.+~-]{1,200}"

ADDRESSES: Final[tuple[AddressRow, ...]] = (
    AddressRow(
        "teams_cvi_webex",
        TEAMS,
        ("=m.webex.com",),
        r"\d{6,14}\.[\w-]{1,100}",
        "{user}@{host}",
        "D",
        "1180330477.acme@m.webex.com",
    ),
    AddressRow("teams_cvi_webex_key", TEAMS, ("=m.webex.com",), r"[\w.-]{1,100}", "", "D", "acme@m.webex.com"),
    AddressRow(
        "teams_cvi_direct",
        TEAMS,
        ("t.plcm.vc", "teams.bjn.vc"),
        r"\d{6,13}\.\d{6,14}",
        "{user}@{host}",
        "I",
        "702660143.014455209@t.plcm.vc",
    ),
    AddressRow("teams_cvi_key", TEAMS, ("t.plcm.vc", "teams.bjn.vc"), r"[\w.-]{1,100}", "", "I", "702660143@t.plcm.vc"),
    AddressRow(
        "webex_lync",
        WEBEX,
        ("=lync.webex.com",),
        r"(?P<name>[\w.+~-]{1,150})\.(?P<site>[\w-]{1,60})",
        "{name}@{site}.webex.com",
        "I",
        "1720440533.acme@lync.webex.com",
        is_alias=True,
    ),
    AddressRow(
        "webex_space",
        SPACE,
        ("meet.ciscospark.com", "meet.webex.com"),
        r"[\w.+~-]{1,200}",
        "{user}@{host}",
        "O",
        "25410001111@meet.webex.com",
    ),
    AddressRow(
        "webex_address",
        WEBEX,
        ("=webex.com",),
        r"\d{6,13}(?:\.[\w.-]{1,80})?",
        "{user}@{host}",
        "I",
        "1720440533.acme@webex.com",
    ),
    AddressRow("webex_site_address", WEBEX, WEBEX_SITES, _PERSON, "{user}@{host}", "I", "1720440533@acme.webex.com"),
    AddressRow(
        "webex_device", WEBEX, ("ciscospark.com",), _PERSON, "{user}@{host}", "I", "room5@acme.rooms.ciscospark.com"
    ),
    AddressRow(
        "zoom_address",
        ZOOM,
        ("zoomcrc.com", "sip.zoom.us", "sip.zoomgov.com", "=zoomgov.com"),
        r"\d[\d.-]*",
        "{user}@{host}",
        "D",
        "81234567890@zoomcrc.com",
        "passcode",
    ),
    AddressRow(
        "zoom_regional",
        ZOOM,
        (
            "zmau.us",
            "zmeu.us",
            "zmus.us",
            "zmca.us",
            "zmin.us",
            "zmjp.us",
            "zmsg.us",
            "zmbr.us",
            "zmhk.us",
            "zmcn.us",
            "zmde.us",
            "zmgov.us",
        ),
        r"\d[\d.-]*",
        "{user}@{host}",
        "O",
        "81234567890@zmau.us",
        "passcode",
    ),
    AddressRow("zoom_name", ZOOM, ("zoomcrc.com",), _PERSON, "{user}@{host}", "R", "jane.doe@zoomcrc.com"),
    AddressRow("bluejeans_address", BLUEJEANS, ("bjn.vc",), _DIGITS, "{user}@{host}", "I", "206610075@bjn.vc"),
    AddressRow(
        "lifesize_address", LIFESIZE, ("lifesizecloud.com",), _DIGITS, "{user}@{host}", "I", "1234567@lifesizecloud.com"
    ),
    AddressRow("starleaf_address", STARLEAF, ("call.sl",), _DIGITS, "{user}@{host}", "I", "4123456789@acme.call.sl"),
    AddressRow(
        "pexip_address",
        PEXIP,
        ("onpexip.com", "pexip.me", "vp.pexip.com"),
        _DIGITS,
        "{user}@{host}",
        "I",
        "123456@acme.onpexip.com",
    ),
    AddressRow(
        "chime_address", CHIME, ("meet.chime.in", "chime.in"), _DIGITS, "{user}@{host}", "I", "1234567890@meet.chime.in"
    ),
    AddressRow(
        "ringcentral_address",
        RINGCENTRAL,
        ("rcv.com", "ringcentral.com"),
        _DIGITS,
        "{user}@{host}",
        "I",
        "123456789@sip.rcv.com",
    ),
    AddressRow(
        "goto_address",
        GOTO,
        ("=67.217.95.2", "=68.64.77.5", "gotomeeting.com", "inroomlink.goto.com"),
        _DIGITS,
        "{user}@{host}",
        "I",
        "123456789@67.217.95.2",
    ),
)
"""Addresses of services; what fits none is `SIP` if it has a scheme or a user part of digits, and no address otherwise."""


NO_SERVICE_USERS: Final = frozenset(
    [
        "admin",
        "billing",
        "contact",
        "events",
        "help",
        "helpdesk",
        "hello",
        "info",
        "it",
        "messenger",
        "meetings",
        "newsletter",
        "no-reply",
        "noreply",
        "notifications",
        "office",
        "postmaster",
        "sales",
        "security",
        "service",
        "support",
        "team",
        "webmaster",
    ]
)
"""User parts that are mailboxes even at the host of a service."""
MAIL_HOSTS: Final = frozenset(
    [
        "qq.com",
        "vip.qq.com",
        "foxmail.com",
        "163.com",
        "126.com",
        "139.com",
        "189.cn",
        "sina.com",
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "msn.com",
        "yahoo.com",
        "icloud.com",
        "me.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "mail.ru",
        "yandex.ru",
        "naver.com",
        "daum.net",
        "protonmail.com",
        "proton.me",
        "aol.com",
        "privaterelay.appleid.com",
        "group.calendar.google.com",
        "resource.calendar.google.com",
        "txt.att.net",
    ]
)
"""Hosts of mailboxes, whose names may be digits."""

"""Links of meeting services: by what each is recognised, and what a device dials.

The first row that fits counts: narrow rows come before wide ones.

Source: protocol/calendar-and-obtp.md 5.2, 5.4; invitations of the services for what it leaves open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cloud_stub.hybrid_calendar.meeting_services import (
    BLUEJEANS,
    CHIME,
    CMS,
    GOTO,
    LIFESIZE,
    MEET,
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
class LinkRow:
    """How a link of a service looks.

    Attributes:
        hosts: names; a name fits what ends with it after a dot too, `=name` only itself, `*` every host.
        path: what the path has to match from its start; its named groups are for `dial`.
        query: members that the query has to have.
        dial: what a device dials, with `{group}`, `{member}`, `{host}`, `{site}` (the first label of the host), `{number}` and `{passcode}`
            of the text; `{url}` is the link itself, over WebRTC. Empty: nothing to dial.
        service: None where no meeting is behind the link.
        needs: what has to be looked for in the text.
        is_exact: whether the link spells the video address out.
    """

    key: str
    service: Service | None
    hosts: tuple[str, ...]
    path: str
    dial: str
    label: Confidence
    example: str
    query: tuple[str, ...] = ()
    needs: Needs = ""
    is_exact: bool = False
    pattern: re.Pattern[str] = re.compile("")

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.path, re.IGNORECASE | re.ASCII))


WEBEX_SITES: Final = ("webex.com", "webex.com.cn", "webexgov.us")
_TEAMS_HOSTS: Final = (
    "teams.microsoft.com",
    "teams.microsoft.us",
    "teams.live.com",
    "teams.cloud.microsoft",
    "teams.microsoftonline.cn",
)
_ZOOM_HOSTS: Final = ("zoom.us", "zoomgov.com", "zoom.com", "zoom.com.cn", "zoom-x.de")
_ALIAS: Final = r"(?P<alias>[^/?#\s]{1,200})"
_ZOOM_ID: Final = r"(?P<id>\d{3}[\s-]?\d{3,4}[\s-]?\d{3,4})(?!\d)"

LINKS: Final[tuple[LinkRow, ...]] = (
    # -- Webex ------------------------------------------------------------------------------------------------------------------------
    LinkRow(
        "teams_cvi_webex_link",
        TEAMS,
        ("webex.com",),
        r"/msteams/?$",
        "{confid}.{tenantkey}@{domain}",
        "D",
        "https://www.webex.com/msteams?confid=1180330477&tenantkey=acme&domain=m.webex.com",
        ("confid", "tenantkey", "domain"),
        is_exact=True,
    ),
    LinkRow(
        "webex_space_link",
        SPACE,
        ("=web.webex.com", "=teams.webex.com", "=web.ciscospark.com"),
        r"/(?:spaces|meetings?|meet)\b",
        "",
        "I",
        "https://web.webex.com/spaces/0a1b2c3d",
    ),
    LinkRow(
        "webex_personal_room",
        WEBEX,
        WEBEX_SITES,
        r"(?:(?:/[\w-]{1,60})?/(?:meet|join)|/webappng/sites/[\w.-]{1,60}/dashboard/pmr)/(?P<user>[^/?#\s]{1,200})/?$",
        "{user}@{host}",
        "I",
        "https://acme.webex.com/meet/jane.doe",
    ),
    LinkRow(
        "webex_meeting_key",
        WEBEX,
        WEBEX_SITES,
        r"/(?:[\w.-]{1,99}/){0,3}(?:j|e|g|t|m)\.php",
        "{mk}@{host}",
        "I",
        "https://acme.webex.com/acme/e.php?AT=SINF&MK=921553480",
        ("mk",),
    ),
    LinkRow(
        "webex_event_key",
        WEBEX,
        WEBEX_SITES,
        r"/(?:[\w.-]{1,99}/){0,3}onstage/g\.php",
        "{d}@{host}",
        "I",
        "https://acme.webex.com/acme/onstage/g.php?t=a&d=921553480",
        ("d",),
    ),
    LinkRow(
        "webex_meeting",
        WEBEX,
        WEBEX_SITES,
        r"/(?:[\w.-]{1,99}/){0,3}(?:j|e|g|t|m)\.php|/(?:[\w.-]{1,99}/)?wbxmjs/|/webappng/|/m/[0-9a-f-]{8}|/wbxmjs/joinservice|/mw\d{1,9}/|/weblink/",
        "{number}@{host}",
        "I",
        "https://acme.webex.com/acme/j.php?MTID=m0123456789abcdef",
        needs="webex_number",
    ),
    # -- Microsoft Teams --------------------------------------------------------------------------------------------------------------
    LinkRow(
        "teams_pexip_link",
        TEAMS,
        ("*",),
        r"/teams/?$",
        "{prefix}{conf}@{d}",
        "I",
        "https://join.acme.example/teams/?conf=1260440391&ivr=teams&d=acme.example&prefix=77",
        ("conf", "d"),
        is_exact=True,
    ),
    LinkRow(
        "teams_pexip_me",
        TEAMS,
        ("pexip.me",),
        r"/teams/(?P<domain>[\w.-]{3,200})/(?P<conf>\d{3,20})",
        "{conf}@{domain}",
        "I",
        "https://pexip.me/teams/acme.example/1260440391",
        is_exact=True,
    ),
    LinkRow(
        "teams_poly_link",
        TEAMS,
        ("plcm.vc",),
        r"/teams\b",
        "{key}.{conf}@t.plcm.vc",
        "I",
        "https://dialin.plcm.vc/teams/?key=702660143&conf=014455209",
        ("key", "conf"),
        is_exact=True,
    ),
    LinkRow(
        "teams_bluejeans_link",
        TEAMS,
        ("bluejeans.com",),
        r"/teams\b",
        "{key}.{conf}@teams.bjn.vc",
        "I",
        "https://dialin.bluejeans.com/teams?key=140660031&conf=1180220455",
        ("key", "conf"),
        is_exact=True,
    ),
    LinkRow(
        "teams_link",
        TEAMS,
        _TEAMS_HOSTS,
        r"(?:/_|/v2)?(?:/?#)?/(?:l/meetup-join/[^\s]|meet/[^/?#\s])",
        "{url}",
        "D",
        "https://teams.microsoft.com/meet/21234567890123?p=aBcDeFgHiJ",
    ),
    LinkRow(
        "teams_launcher",
        TEAMS,
        _TEAMS_HOSTS,
        r"/dl/launcher/launcher\.html",
        "{launched}",
        "I",
        "https://teams.microsoft.com/dl/launcher/launcher.html?url=%2F_%23%2Fl%2Fmeetup-join%2F19%3ameeting_x%40thread.v2%2F0",
        ("url",),
    ),
    LinkRow(
        "teams_event",
        TEAMS,
        ("events.teams.microsoft.com", "teams.microsoft.com"),
        r"/(?:event|registration)/",
        "",
        "R",
        "https://events.teams.microsoft.com/event/0a1b@2c3d",
    ),
    LinkRow(
        "teams_other", None, _TEAMS_HOSTS, r"", "", "R", "https://teams.microsoft.com/meetingOptions/?organizerId=x"
    ),
    # -- Google Meet ------------------------------------------------------------------------------------------------------------------
    LinkRow(
        "meet_link",
        MEET,
        ("=meet.google.com",),
        r"/(?:_meet/)?[a-z]{3}-[a-z]{4}-[a-z]{3}(?![\w-])",
        "{url}",
        "D",
        "https://meet.google.com/abc-defg-hij",
    ),
    LinkRow(
        "meet_lookup",
        MEET,
        ("=meet.google.com", "=g.co", "=stream.meet.google.com"),
        r"/(?:lookup|meet|stream)/",
        "",
        "R",
        "https://meet.google.com/lookup/abcdefghij",
    ),
    LinkRow(
        "meet_other",
        None,
        ("meet.google.com", "=tel.meet"),
        r"",
        "",
        "R",
        "https://tel.meet/abc-defg-hij?pin=1234567890123",
    ),
    # -- Zoom -------------------------------------------------------------------------------------------------------------------------
    LinkRow(
        "zoom_link",
        ZOOM,
        _ZOOM_HOSTS,
        r"/(?:j|s|w|i|wc|wc/join|meeting|meetings|launch/jc|launch/jm)/" + _ZOOM_ID,
        "{id}@zoomcrc.com",
        "D",
        "https://us02web.zoom.us/j/81234567890?pwd=QmFzZTY0",
        needs="passcode",
    ),
    LinkRow(
        "zoom_join_scheme",
        ZOOM,
        _ZOOM_HOSTS,
        r"/(?:join|start)$",
        "{confno}@zoomcrc.com",
        "I",
        "zoommtg://zoom.us/join?action=join&confno=81234567890",
        ("confno",),
        "passcode",
    ),
    LinkRow(
        "zoom_personal_link",
        ZOOM,
        _ZOOM_HOSTS,
        r"/my/[^/?#\s]",
        "{number}@zoomcrc.com",
        "I",
        "https://zoom.us/my/jane.doe",
        needs="zoom_number",
    ),
    LinkRow(
        "zoom_registration",
        ZOOM,
        _ZOOM_HOSTS,
        r"/(?:webinar|meeting)/(?:register|registration)|/ev/",
        "",
        "R",
        "https://zoom.us/webinar/register/WN_abcdefgh",
    ),
    LinkRow("zoom_other", None, _ZOOM_HOSTS, r"", "", "R", "https://us02web.zoom.us/u/kdAbCdEf"),
    # -- services with an address of their own ----------------------------------------------------------------------------------------
    LinkRow(
        "bluejeans_link_passcode",
        BLUEJEANS,
        ("bluejeans.com",),
        r"/(?P<id>\d{5,12})[./](?P<pin>\d{2,8})(?!\d)",
        "{id}.{pin}@bjn.vc",
        "I",
        "https://bluejeans.com/206610075/4321",
    ),
    LinkRow(
        "bluejeans_link",
        BLUEJEANS,
        ("bluejeans.com",),
        r"/(?P<id>\d{5,12})(?!\d)",
        "{id}@bjn.vc",
        "I",
        "https://bluejeans.com/206610075",
    ),
    LinkRow("bluejeans_other", None, ("bluejeans.com",), r"", "", "R", "https://www.bluejeans.com/numbers"),
    LinkRow(
        "lifesize_link",
        LIFESIZE,
        ("call.lifesizecloud.com", "=call.lifesize.com"),
        r"/(?:otm/)?(?P<id>\d{3,15})(?!\d)",
        "{id}@sip.lifesizecloud.com",
        "I",
        "https://call.lifesizecloud.com/1234567",
    ),
    LinkRow(
        "starleaf_link",
        STARLEAF,
        ("meet.starleaf.com",),
        r"/(?P<id>\d{4,12})(?!\d)",
        "",
        "I",
        "https://meet.starleaf.com/4123456789",
    ),
    # -- services at hosts of their owners --------------------------------------------------------------------------------------------
    LinkRow(
        "pexip_conference_path",
        PEXIP,
        ("*",),
        r"/webapp\d{0,2}/(?:#/)?(?:conference|m|home)/" + _ALIAS,
        "{alias}@{host}",
        "I",
        "https://video.acme.example/webapp/conference/123456@acme.example",
    ),
    LinkRow(
        "pexip_fragment",
        PEXIP,
        ("*",),
        r"/(?:[\w-]{1,40}/){0,2}#/(?:conf|conference|m)/" + _ALIAS,
        "{alias}@{host}",
        "I",
        "https://video.acme.example/#/conference/123456",
    ),
    LinkRow(
        "pexip_conference",
        PEXIP,
        ("*",),
        r"(?:/(?:[\w-]{1,40}/?){0,3}(?:#/?)?)?$",
        "{conference}@{host}",
        "I",
        "https://video.acme.example/webapp/#/?conference=123456@acme.example",
        ("conference",),
    ),
    LinkRow(
        "pexip_alias",
        PEXIP,
        ("*",),
        r"/webapp\d{0,2}(?:/|$)",
        "{alias}@{host}",
        "I",
        "https://video.acme.example/webapp/home?alias=123456@acme.example",
        ("alias",),
    ),
    LinkRow(
        "pexip_me",
        PEXIP,
        ("pexip.me",),
        r"/meet/(?P<domain>[\w-]+\.[\w.-]+)/(?P<alias>[\w.-]+)",
        "{alias}@{domain}",
        "I",
        "https://pexip.me/meet/acme.example/123456",
    ),
    LinkRow(
        "cms_invited",
        CMS,
        ("*",),
        r"/(?:[\w.-]{1,40}/)?invited\.sf$",
        "{id}@{host}",
        "I",
        "https://join.acme.example/invited.sf?secret=abc&id=552201866",
        ("id",),
    ),
    LinkRow(
        "cms_index",
        CMS,
        ("*",),
        r"/(?:[\w.-]{1,40}/)?index\.html?$",
        "{id}@{host}",
        "I",
        "https://join.acme.example/index.html?id=552201866",
        ("id",),
    ),
    LinkRow(
        "cms_meeting",
        CMS,
        ("*",),
        r"/(?:[a-z]{2}(?:-[a-z]{2,4})?/)?meeting/(?P<id>\d{3,20})/?$",
        "{id}@{host}",
        "I",
        "https://join.acme.example/en-US/meeting/552201866?secret=abc",
    ),
    LinkRow(
        "pexip_meet",
        PEXIP,
        ("*",),
        r"/meet/(?P<alias>\d{3,20}|[^/?#\s@]{1,100}@[\w.-]{3,100})/?$",
        "{alias}@{host}",
        "I",
        "https://video.acme.example/meet/123456",
    ),
)
"""Links, the narrow rows before the wide ones. `link_only` has those of which nothing is known but that no device can dial them."""

_ONLY: Final = (
    (
        "GoTo Meeting",
        ("meet.goto.com", "gotomeeting.com", "gotomeet.me", "gotomeet.at", "app.goto.com", "gotowebinar.com"),
        r"/\w",
    ),
    ("RingCentral", ("v.ringcentral.com", "meetings.ringcentral.com", "video.ringcentral.com"), r"/\w"),
    ("8x8", ("8x8.vc", "meet.8x8.com"), r"/\w"),
    ("Amazon Chime", ("chime.aws", "app.chime.aws"), r"/\w"),
    ("Jitsi Meet", ("meet.jit.si", "moderated.jitsi.net"), r"/\w"),
    ("Whereby", ("whereby.com", "appear.in"), r"/\w"),
    ("Skype for Business", ("meet.lync.com", "join.lync.com", "webdir.online.lync.com"), r"/\w"),
    ("Skype", ("join.skype.com",), r"/\w"),
    ("join.me", ("join.me",), r"/\w"),
    ("Zoho Meeting", ("meeting.zoho.com", "meeting.zoho.eu", "meeting.zoho.in", "meet.zoho.com"), r"/\w"),
    ("Slack huddle", ("app.slack.com",), r"/huddle"),
    ("Discord", ("discord.gg", "discord.com"), r"/(?:channels/)?\w"),
    ("FaceTime", ("facetime.apple.com",), r"/join"),
    ("Dialpad", ("dialpad.com", "meetings.dialpad.com", "uberconference.com"), r"/\w"),
    ("FreeConferenceCall", ("join.freeconferencecall.com", "freeconferencecall.com", "fccdl.in"), r"/\w"),
    ("TeamViewer", ("go.teamviewer.com", "go.blizz.com"), r"/\w"),
    ("Vonage Meetings", ("meetings.vonage.com", "freeconference.com"), r"/\w"),
    ("Tencent Meeting", ("voovmeeting.com", "meeting.tencent.com"), r"/(?:dm|s|p|w)/"),
    ("Lark", ("vc.feishu.cn", "vc.larksuite.com"), r"/j/"),
    ("Adobe Connect", ("adobeconnect.com",), r"/\w"),
    ("ClickMeeting", ("clickmeeting.com",), r"/\w"),
    ("Livestorm", ("app.livestorm.co", "app.livestorm.com"), r"/\w"),
    ("ON24", ("event.on24.com",), r"/\w"),
    ("BigBlueButton", ("*",), r"/(?:b|rooms)/[a-z0-9]{3}-[a-z0-9]{3}-[a-z0-9]{3}(?:-[a-z0-9]{3})?/?"),
    ("Element Call", ("call.element.io",), r"/\w"),
    ("Proton Meet", ("meet.proton.me",), r"/\w"),
    ("Infomaniak kMeet", ("kmeet.infomaniak.com",), r"/\w"),
    ("Webinarjam", ("event.webinarjam.com",), r"/\w"),
    ("Around", ("meet.around.co",), r"/\w"),
    ("Gather", ("app.gather.town", "gather.town"), r"/\w"),
    ("Workplace", ("workplace.com",), r"/groupcall"),
    ("VSee", ("vsee.com",), r"/c/"),
    ("Doxy.me", ("doxy.me",), r"/\w"),
    ("Blackboard Collaborate", ("bbcollab.com",), r"/\w"),
    ("Avaya Spaces", ("spaces.avayacloud.com", "meetings.avaya.com"), r"/\w"),
    ("Google Hangouts", ("hangouts.google.com",), r"/(?:hangouts|call)"),
    ("Google Duo", ("duo.app.goo.gl", "duo.google.com"), r"/\w"),
    ("Pumble", ("meet.pumble.com",), r"/\w"),
    ("Riverside", ("riverside.fm",), r"/studio"),
    ("StreamYard", ("streamyard.com",), r"/\w"),
    ("Highfive", ("highfive.com",), r"/\w"),
    ("Tuple", ("tuple.app",), r"/\w"),
    ("Demio", ("event.demio.com",), r"/\w"),
    ("Butter", ("app.butter.us",), r"/\w"),
    ("Daily", ("daily.co",), r"/\w"),
    ("Mattermost Calls", ("calls.mattermost.com",), r"/\w"),
    ("Nextcloud Talk", ("*",), r"/(?:index\.php/)?call/[a-z0-9]{8}$"),
)
_NAMED: Final = {row.service.name: row.service for row in LINKS if row.service} | {
    service.name: service for service in (GOTO, RINGCENTRAL, CHIME)
}


def _link_only(name: str, hosts: tuple[str, ...], path: str) -> LinkRow:
    key = "link_only_" + re.sub(r"\W+", "_", name.lower()).strip("_")
    example = f"https://{'meet.acme.example' if hosts[0] == '*' else hosts[0]}/..."
    return LinkRow(key, _NAMED.get(name, Service(name)), hosts, path, "", "I", example)


LINK_ONLY: Final = tuple(_link_only(*row) for row in _ONLY)
"""Services of which an invitation has a link and nothing that a device dials."""

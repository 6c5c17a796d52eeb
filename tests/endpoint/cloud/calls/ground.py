"""A device in front of a cloud with loci, and a room that writes down what it is told; media is a double that fails when told to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from endpoint.cloud.calls.control import CallControl
from endpoint.wire.callcontrol import (
    AuthenticationRequest,
    Conference,
    End,
    Established,
    Incoming,
    Leads,
    Media,
    Outgoing,
    Refusal,
    Step,
)
from endpoint.wire.client_metrics import MediaStats, MediaType
from endpoint.wire.locus import requests
from tests.endpoint.cloud.scripted import DEVICE_ID, ORG, SERVICES, USER, Asked, Reply, Scripted
from tests.endpoint.cloud.scripted import play as play_scripted

LOCUS = "http://locus-a.wbx2.test/locus/api/v1"
DEVICE_URL: Final = f"{SERVICES['wdm']}/devices/{DEVICE_ID}".replace("https:", "http:")
ADA: Final = {"id": "44444444-0000-4000-8000-000000000004", "name": "Ada", "email": "ada@room.example", "orgId": ORG}
ANSWER: Final = "v=0 answer"


class Ear:
    """A room that writes down what it is told, in short words."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.next_id = 50
        self.refuses: Refusal | None = None
        self.ends: dict[int, list[End]] = {}
        self.conference: Conference | None = None
        self.conferences: dict[int, Conference] = {}
        self.rung: list[Incoming] = []
        self.what: Established | None = None

    @property
    def words(self) -> list[str]:
        """What was told, without what it was about."""
        return [str(word) for word, *_ in self.heard]

    def ring(self, call: Incoming) -> int | Refusal:
        self.rung.append(call)
        self.heard.append(("ring", call.remote_uri))
        if self.refuses is not None:
            return self.refuses
        self.next_id += 1
        return self.next_id

    def stepped(self, call_id: int, step: Step) -> None:
        self.heard.append((step.value, call_id))

    def asked(self, call_id: int, request: AuthenticationRequest, *, is_wrong: bool = False) -> None:
        self.heard.append((f"asked {request}" + (" wrong" if is_wrong else ""), call_id))

    def established(self, call_id: int, what: Established) -> None:
        self.what = what
        self.heard.append(("established", call_id, what))

    def changed(self, call_id: int, conference: Conference) -> None:
        self.conference = self.conferences[call_id] = conference

    def media_changed(self, call_id: int, media: Media) -> None:
        self.heard.append(("media", call_id, media))

    def preserved(self, call_id: int, lost: bool) -> None:
        self.heard.append((f"preserved {lost}", call_id))

    def dtmf_received(self, call_id: int, tones: str) -> None:
        self.heard.append((f"dtmf {tones}", call_id))

    def joined(self, call_id: int, gone: Sequence[int]) -> None:
        self.heard.append(("joined", call_id, tuple(gone)))

    def ended(self, call_id: int, end: End) -> None:
        self.heard.append((f"ended {end.cause_type}", call_id))
        self.ends.setdefault(call_id, []).append(end)


class Session:
    """Media that connects as its engine says."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.on_change: Callable[[Media], object] = lambda media: None
        self.on_lost: Callable[[], object] = lambda: None
        self.remotes: list[str] = []
        self.is_closed = False

    @property
    def streams(self) -> Sequence[MediaType]:
        return ("audio", "video")

    def offer(self) -> str:
        return "v=0 offer"

    async def connect(self, remote_sdp: str) -> Media:
        self.remotes.append(remote_sdp)
        if self.engine.takes_s:
            await self.engine.clock.sleep(self.engine.takes_s)
        return self.engine.media

    def mute(self, muted: bool) -> str:
        return f"v=0 muted {muted}"

    def hold(self, held: bool) -> str:
        return f"v=0 held {held}"

    def stats(self) -> MediaStats:
        return MediaStats("udp", 20)

    def close(self) -> None:
        self.is_closed = True


class Engine:
    """Makes media sessions."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.media = Media(path="udp")
        self.takes_s = 0.0
        self.sessions: list[Session] = []

    def session(self, call: str, *, has_video: bool, rate: int = 6000) -> Session:
        self.sessions.append(Session(self))
        return self.sessions[-1]


@dataclass
class Loci:
    """The Locus service: whole loci as dicts, changed by the test and by what the device asks for."""

    cloud: Scripted
    loci: dict[str, dict[str, Any]] = field(default_factory=dict)
    number: int = 1_000
    made: int = 0

    def open(self) -> None:
        """Answer for the service."""
        for method in ("GET", "POST", "PUT", "PATCH"):
            self.cloud.on(method, "locus-a.wbx2.test/locus/api/v1/loci", self.answer)

    # what a test says

    def make(self, kind: str = "CALL", peer: str = "IDLE", me: str = "IDLE", **members: Any) -> dict[str, Any]:
        """Make a locus of two."""
        self.made += 1
        url = f"{LOCUS}/loci/{self.made:08x}-0000-4000-8000-000000000000"
        mine = {
            "id": f"me-{self.made}", "url": f"{url}/participant/me-{self.made}", "state": me, "type": "RESOURCE_ROOM",
            "person": {"id": USER, "name": "Lab"}, "devices": [],
        }  # fmt: skip
        other = {
            "id": "ada", "url": f"{url}/participant/ada", "state": peer, "type": "USER", "person": ADA,
            "isCreator": me == "IDLE", "devices": [],
        }  # fmt: skip
        locus = {
            "url": url, "created": "2026-03-02T09:00:00Z", "self": mine, "participants": [other, mine], "controls": {},
            "fullState": {"active": True, "state": "ACTIVE", "type": kind, "lastActive": "2026-03-02T09:00:00Z"},
            "mediaShares": [{"name": "content", "url": f"{url}/mediashares/0"}],
            "info": {"topic": "Weekly", "sipUri": "123456789@site.webex.test"}, **members,
        }  # fmt: skip
        self.loci[url] = locus
        return self.step(locus)

    def step(self, locus: dict[str, Any], *, state: str = "") -> dict[str, Any]:
        """Number a change."""
        self.number += 1
        entries = [*locus.get("sequence", {}).get("entries", [])[-5:], self.number]
        locus["sequence"] = {"entries": entries, "rangeStart": 0, "rangeEnd": 0}
        locus["syncUrl"] = f"{locus['url']}/sync?since={self.number}"
        if state:
            locus["fullState"] = {**locus["fullState"], "state": state, "active": state == "ACTIVE"}
        return locus

    @staticmethod
    def me(locus: dict[str, Any], state: str, device: str = "", **members: Any) -> None:
        """Set the state of the device's participant, and of the device in it."""
        mine = {**locus["self"], "state": state, **members}
        if device:
            before = next(iter(mine["devices"]), {"url": DEVICE_URL, "deviceType": "TP_ENDPOINT"})
            mine["devices"] = [{**before, "state": device}]
        locus["self"] = mine
        locus["participants"] = [mine if one["id"] == mine["id"] else one for one in locus["participants"]]

    @staticmethod
    def ada(locus: dict[str, Any], state: str, **members: Any) -> None:
        """Set the state of the other one."""
        locus["participants"] = [
            {**one, "state": state, **members} if one["id"] == "ada" else one for one in locus["participants"]
        ]

    async def push(self, locus: dict[str, Any], kind: str = "participant_updated") -> None:
        """Tell the device."""
        await self.cloud.peer.event(f"locus.{kind}", locusUrl=locus["url"], locus=locus)

    @property
    def only(self) -> dict[str, Any]:
        """The one locus there is."""
        (locus,) = self.loci.values()
        return locus

    def is_in(self, locus: dict[str, Any]) -> bool:
        """Say whether the device is in it."""
        return any(one["url"] == DEVICE_URL and one["state"] == "JOINED" for one in locus["self"]["devices"])

    # what the service does

    def answer(self, asked: Asked) -> Reply:
        """Answer a request as a service does that is well."""
        path = asked.path.partition("/loci")[2]
        if asked.method == "GET":
            return self._read(path)
        if path == "/call":
            target = (asked.json.get("invitee") or {}).get("address", "")
            locus = self.make("CALL" if "@" in target else "MEETING", me="LEFT")
            return Reply(body=self.join(locus, asked))
        locus = self.loci.get(f"{LOCUS}/loci/{path.split('/')[1]}")
        if locus is None:
            return Reply(404, {"errorCode": 2404001})
        tail = "/".join(path.split("/")[2:])
        if tail == "participant":
            return Reply(body=self.join(locus, asked))
        if tail == "participant/alert":
            self.me(locus, "NOTIFIED")
        elif tail == "participant/decline":
            self.me(locus, "DECLINED")
            self.step(locus, state="INACTIVE")
        elif tail.endswith("/leave"):
            self.me(locus, "LEFT", "LEFT")
            self.step(locus, state="INACTIVE")
        body: dict[str, Any] = {"locus": self.step(locus)}
        if tail.endswith("/media"):
            body["mediaConnections"] = [self.connection()]
        return Reply(body=body)

    def _read(self, path: str) -> Reply:
        if not path:
            mine = [locus for locus in self.loci.values() if locus["fullState"]["state"] == "ACTIVE"]
            return Reply(body=requests.loci_answer(mine))
        locus = self.loci.get(f"{LOCUS}/loci/{path.split('/')[1]}")
        return Reply(body=locus) if locus is not None else Reply(404, {"errorCode": 2404001})

    def join(self, locus: dict[str, Any], asked: Asked, *, waits: bool = False) -> dict[str, Any]:
        """Let the device in, or into the lobby."""
        device = {
            "url": DEVICE_URL, "deviceType": "TP_ENDPOINT", "state": "JOINED", "correlationId": asked.json["correlationId"],
            "keepAliveUrl": f"{locus['url']}/keepalive", "keepAliveSecs": 9,
        }  # fmt: skip
        if waits:
            device |= {"state": "IDLE", "intent": {"type": "WAIT"}}
        self.me(locus, "IDLE" if waits else "JOINED", devices=[device])
        return {"locus": self.step(locus), "mediaConnections": [self.connection()]}

    @staticmethod
    def connection() -> dict[str, Any]:
        """Return the media connection of an answer."""
        return {"mediaId": "m1", "remoteSdp": requests.plain_sdp(ANSWER).text().reveal()}


class Stage:
    """The cloud, its loci, the room and the media of one device."""

    def __init__(self, cloud: Scripted) -> None:
        self.cloud = cloud
        self.clock = cloud.clock
        self.loci = Loci(cloud)
        self.ear = Ear()
        self.media = Engine(cloud.clock)

    @property
    def line(self) -> CallControl:
        """The device's call control."""
        return self.cloud.device.calls

    def plug(self) -> None:
        """Put the doubles into the device."""
        self.line.around.room, self.line.around.engine = self.ear, self.media

    async def online(self) -> None:
        """Bring the device online."""
        self.cloud.services |= {
            "locus": LOCUS.replace("http:", "https:"),
            "metrics": "https://metrics-a.wbx2.test/metrics/api/v1",
        }
        self.cloud.on("POST", "/clientmetrics", Reply(body={}))
        self.loci.open()
        await self.cloud.online()
        self.plug()
        self.cloud.asked.clear()
        self.cloud.log.clear()

    async def settle(self, seconds: float = 0.01) -> None:
        """Let things happen."""
        await self.clock.sleep(seconds)

    def asked(self, method: str, tail: str) -> list[Asked]:
        """Return the requests to a part of the service."""
        return [
            one for one in self.cloud.asked if one.method == method and one.path.endswith(tail) and "locus" in one.host
        ]

    async def meeting(self, call_id: int = 2) -> dict[str, Any]:
        """Join a meeting; returns its locus."""
        self.line.place(call_id, dial("123456789", Leads.MEETING))
        await self.settle()
        assert "established" in self.ear.words, self.ear.heard
        return list(self.loci.loci.values())[-1]

    async def person(self, call_id: int = 2) -> dict[str, Any]:
        """Call somebody who answers; returns the locus."""
        self.line.place(call_id, dial("ada@room.example", Leads.PERSON))
        await self.settle()
        locus = list(self.loci.loci.values())[-1]
        self.loci.ada(locus, "JOINED")
        await self.loci.push(self.loci.step(locus))
        assert "established" in self.ear.words, self.ear.heard
        return locus

    async def rings(self, **members: Any) -> dict[str, Any]:
        """Let somebody call; returns the locus."""
        locus = self.loci.make(peer="JOINED", **members)
        locus["self"]["alertType"] = {"action": "FULL"}
        await self.loci.push(locus, "participant_joined")
        await self.settle()
        return locus

    def end(self, call_id: int) -> End:
        """Return how a call ended: exactly once."""
        (end,) = self.ear.ends[call_id]
        return end


def dial(address: str, leads: Leads, **members: Any) -> Outgoing:
    """Return a call to be made."""
    return Outgoing(address=address, requested=address, leads=leads, **members)


def play(story: Callable[[Stage], Awaitable[None]], **settings: Any) -> Scripted:
    """Play a story in virtual time; whatever becomes of it, each call that the room knew has ended once when the device is off."""

    async def scripted(cloud: Scripted) -> None:
        stage = Stage(cloud)
        await stage.online()
        await story(stage)
        if cloud.device.is_up:
            await cloud.device.shut_down()
            known = {about[1] for about in stage.ear.heard if len(about) > 1 and isinstance(about[1], int)}
            assert {call_id: len(ends) for call_id, ends in stage.ear.ends.items()} == dict.fromkeys(known, 1)

    return play_scripted(scripted, **settings)

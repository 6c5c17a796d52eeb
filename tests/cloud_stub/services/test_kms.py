"""The key service by hand: who it is, its channel, keys and who may have them, and every way in which it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from cloud_world import START, WDM_BODY, World, in_cloud

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.records import KmsChannel, KmsKey, User
from cloud_stub.services import kms_vault
from endpoint.wire import codec, jose, kms
from endpoint.wire.kms import Answer, Channel, Client, Credential, Request
from endpoint.wire.kms_cluster import BadCertificate, Cluster, parse_cluster
from endpoint.wire.secret import AccessToken

BASE = "/encryption/api/v1"


class Peer:
    """A client with a registration, a socket, and a channel once it has asked for one."""

    def __init__(self, world: World, token: str, user_id: str, url: str, ws: ClientWebSocketResponse) -> None:
        self.world, self.token, self.user_id, self.url, self.ws = world, token, user_id, url, ws
        self.cluster: Cluster | None = None
        self.channel: Channel | None = None
        self.n = 0

    @classmethod
    async def of(cls, world: World, name: str = "Lab") -> Peer:
        """Activate a device, register it, and open its socket."""
        token = await world.machine(name)
        dto = (await world.ask("POST", "/wdm/api/v1/devices", WDM_BODY, token=token)).json
        ws = await world.socket(token, dto["webSocketUrl"])
        await ws.receive_json()
        return cls(world, token, dto["userId"], dto["url"], ws)

    async def details(self) -> Cluster:
        """Ask who the key service is."""
        reply = await self.world.ask("GET", f"{BASE}/kms/{self.user_id}", token=self.token)
        assert reply.status == 200
        self.cluster = parse_cluster(reply.raw)
        return self.cluster

    async def post(self, *messages: str) -> int:
        """Post wrapped requests; returns the status."""
        body = {"destination": "kms://kms.wbx2.test", "kmsMessages": list(messages)}
        return (await self.world.ask("POST", f"{BASE}/kms/messages", body, token=self.token)).status

    def request(self, method: str, uri: str, **more: Any) -> Request:
        """Build a request."""
        self.n += 1
        bearer = AccessToken(more.pop("bearer", self.token))
        client = Client(client_id=more.pop("client_id", self.url), credential=Credential(bearer=bearer))
        return Request(method=method, uri=uri, request_id=str(self.n), client=client, **more)

    async def event(self) -> list[str]:
        """Wait for the next event of the key service."""
        while True:
            data = (await self.ws.receive_json(timeout=60))["data"]
            if data["eventType"] == kms.KMS_MESSAGE:
                return list(data["encryption"]["kmsMessages"])

    async def open(self) -> Channel:
        """Agree on a channel."""
        cluster = self.cluster or await self.details()
        mine = kms.Ephemeral(bytes([7 + self.n]) * 40)
        plain = codec.encode(self.request("create", f"{cluster.uri}/ecdhe", jwk=mine.jwk))
        assert await self.post(jose.seal_to(cluster.key, cluster.kid, plain, bytes([1]) * 64)) == 202
        [signed] = await self.event()
        self.channel = kms.open_channel(kms.parse_answer(jose.verified(cluster.key, signed)), mine)
        return self.channel

    def sealed(self, request: Request) -> str:
        """Seal a request for the channel."""
        assert self.channel is not None
        return self.channel.key.seal(codec.encode(request), self.n.to_bytes(12, "big"))

    async def ask(self, method: str, uri: str, **more: Any) -> Answer:
        """Ask, and wait for the answer."""
        channel = self.channel or await self.open()
        request = self.request(method, uri, **more)
        assert await self.post(self.sealed(request)) == 202
        [message] = await self.event()
        answer = kms.parse_answer(channel.key.open(message))
        assert answer.request_id == request.request_id
        return answer


def told(story: Callable[[World, Peer], Awaitable[None]], settings: CloudSettings | None = None) -> None:
    """Run a story with one client."""

    async def with_peer(world: World) -> None:
        peer = await Peer.of(world)
        await story(world, peer)
        await peer.ws.close()

    in_cloud(with_peer, settings)


def test_a_channel_is_agreed_on_and_keys_are_made_and_found_again() -> None:
    async def story(world: World, peer: Peer) -> None:
        channel = await peer.open()
        assert (channel.expires - world.clock.now()).total_seconds() == pytest.approx(3600, abs=1)
        made = await peer.ask("create", "/keys", count=2)
        assert made.keys is not None
        first, second = made.keys
        assert first.uri != second.uri
        again = await peer.ask("retrieve", first.uri)
        key = kms.read_key(again.key, first.uri)
        assert kms.read_key(first, first.uri).open_text(key.seal_text("x", bytes(12))) == "x"
        assert (await peer.ask("update", "/ping")).status == 200
        text = str([event.data for event in world.trace.events])
        for secret in (again.key.jwk.k.reveal(), peer.token):  # type: ignore[union-attr]  # an answer of read_key has one
            assert secret not in text

    told(story)


def test_answers_of_one_request_come_together_and_to_the_device_that_asked_alone() -> None:
    async def story(world: World, peer: Peer) -> None:
        other = await Peer.of(world, "Other")
        await peer.open()
        requests = [peer.sealed(peer.request("create", "/keys", count=1)) for _ in range(3)]
        assert await peer.post(*requests) == 202
        assert len(await peer.event()) == 3
        world.cloud.use_cases.meeting_create("x", START + timedelta(hours=1), 5)
        assert (await other.ws.receive_json())["data"]["eventType"] == "calendar.meeting.create"
        await other.ws.close()

    told(story)


def test_one_user_does_not_use_up_the_keys_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kms_vault, "KEYS_PER_USER", 5)

    async def story(world: World, peer: Peer) -> None:
        await peer.open()
        statuses = [(await peer.ask("create", "/keys", count=3)).status for _ in range(3)]
        assert statuses == [201, 503, 503]
        assert world.cloud.platform.store[KmsKey].count("user_id", peer.user_id) == 3
        meeting = world.cloud.use_cases.meeting_create("x", START + timedelta(hours=1), 5, user_ids=[peer.user_id])
        url = world.cloud.kms.vault.meeting_key(meeting.id).id
        assert (await peer.ask("retrieve", url)).status == 200

    told(story)


def test_a_meetings_key_is_for_who_is_invited() -> None:
    async def story(world: World, peer: Peer) -> None:
        stranger = await Peer.of(world, "Other")
        meeting = world.cloud.use_cases.meeting_create(
            "Review", START + timedelta(hours=1), 30, user_ids=[peer.user_id]
        )
        url = world.cloud.kms.vault.meeting_key(meeting.id).id
        assert (await peer.ask("retrieve", url)).status == 200
        assert (await stranger.ask("retrieve", url)).status == 403
        assert (await peer.ask("retrieve", url + "0")).error_code == kms.UNKNOWN_KEY
        world.cloud.use_cases.meeting_delete(meeting.id)
        assert (await peer.ask("retrieve", url)).status == 404
        await stranger.ws.close()

    told(story)


def test_resources_share_keys_with_the_users_that_they_name() -> None:
    async def story(world: World, peer: Peer) -> None:
        friend = await Peer.of(world, "Friend")
        [key, other] = (await peer.ask("create", "/keys", count=2)).keys or []
        assert (await friend.ask("retrieve", key.uri)).status == 403
        made = (await peer.ask("create", "/resources", user_ids=[], key_uris=[key.uri])).resource
        assert made is not None
        assert made.key_uris == [key.uri]
        bound = (await peer.ask("update", other.uri, resource_uri=made.uri)).key
        assert bound is not None
        assert bound.resource_uri == made.uri
        added = await peer.ask("create", "/authorizations", resource_uri=made.uri, user_ids=[friend.user_id])
        assert [one.auth_id for one in added.authorizations or []] == [friend.user_id]
        assert (await friend.ask("retrieve", key.uri)).status == 200
        listed = (await friend.ask("retrieve", f"{made.uri}/authorizations")).authorizations or []
        assert {one.auth_id for one in listed} == {peer.user_id, friend.user_id}
        assert (await peer.ask("delete", f"{made.uri}/authorizations?authId={friend.user_id}")).status == 200
        assert (await peer.ask("delete", f"{made.uri}/authorizations?authId={friend.user_id}")).status == 404
        assert (await friend.ask("retrieve", other.uri)).status == 403
        await friend.ws.close()

    told(story)


@pytest.mark.parametrize(
    ("method", "uri", "more", "status"),
    [
        ("create", "/keys", {"count": 101}, 400),
        ("create", "/resources", {"key_uris": []}, 400),
        ("create", "/authorizations", {"resource_uri": "/resources/x", "user_ids": ["u"]}, 404),
        ("retrieve", "/publicKey", {"assigned_org_id": "o"}, 501),
        ("create", "/cmk", {}, 501),
        ("retrieve", "/elsewhere", {}, 405),
        ("burn", "/keys", {}, 405),
        ("create", "/keys", {"bearer": "nobody"}, 401),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_status(
    method: str, uri: str, more: dict[str, Any], status: int
) -> None:
    async def story(world: World, peer: Peer) -> None:
        answer = await peer.ask(method, uri, **more)
        assert (answer.status, bool(answer.reason)) == (status, True)

    told(story)


def test_requests_that_nobody_can_answer_are_dropped_visibly_and_the_others_are_not() -> None:
    async def story(world: World, peer: Peer) -> None:
        channel = await peer.open()
        good = peer.sealed(peer.request("update", "/ping"))
        unknown = good.replace(
            good.partition(".")[0], jose.SharedKey(bytes(32), channel.uri + "0").seal(b"", bytes(12)).partition(".")[0]
        )
        foreign = peer.sealed(peer.request("update", "/ping", client_id="http://[/devices/none"))
        assert await peer.post("no", "eyJ.a.b.c.d", unknown, foreign, good) == 202
        assert len(await peer.event()) == 1
        assert len([event for event in world.trace.events if event.data.get("what") == "kms message"]) == 4
        body = {"destination": "kms://elsewhere.test", "kmsMessages": [good]}
        assert (await world.ask("POST", f"{BASE}/kms/messages", body, token=peer.token)).status == 400
        assert (await world.ask("GET", f"{BASE}/kms/somebody", token=peer.token)).status == 403

    told(story)


def test_a_channel_ends_after_an_hour_and_says_so() -> None:
    async def story(world: World, peer: Peer) -> None:
        await peer.open()
        await world.clock.sleep(3_590)
        assert (await peer.ask("update", "/ping")).status == 200
        await world.clock.sleep(10)
        late = await peer.ask("update", "/ping")
        assert (late.status, late.error_code) == (401, kms.EXPIRED_CHANNEL)

    told(story)


def test_the_faults_of_the_key_service() -> None:
    async def story(world: World, peer: Peer) -> None:
        fault = world.cloud.use_cases.fault
        fault("a", "kms", "bad_certificate", count=1)
        with pytest.raises(BadCertificate, match="host name"):
            await peer.details()
        await peer.open()
        fault("b", "kms", "lost_answer")
        await peer.post(peer.sealed(peer.request("update", "/ping")))
        fault("c", "kms", "error", params={"status": 500}, count=1)
        assert (await peer.ask("update", "/ping")).status == 500  # and not the answer that was lost
        [key] = (await peer.ask("create", "/keys", count=1)).keys or []
        fault("d", "kms", "wrong_key", count=1)
        wrong = (await peer.ask("retrieve", key.uri)).key
        assert wrong is not None
        assert wrong.uri == key.uri
        assert wrong.jwk != key.jwk
        fault("e", "kms", "expired_channel")
        assert (await peer.ask("update", "/ping")).error_code == kms.EXPIRED_CHANNEL
        assert (await peer.ask("update", "/ping")).error_code == kms.EXPIRED_CHANNEL

    told(story)


# -- what is sealed for whom ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["readable", "strict"])
def test_join_members_are_in_clear_for_devices_alone_and_passwords_for_nobody(mode: str) -> None:
    async def story(world: World, peer: Peer) -> None:
        use = world.cloud.use_cases
        person = use.user_create("Jo", "jo@room.example")
        token = use.token_create(person.id).access.reveal()
        use.meeting_create(
            "Review", START + timedelta(hours=1), 30, user_ids=[peer.user_id, person.id], join={"webexURI": "1@x.example"},
            meeting_number="123", password="hunter2", host_key="654321",
        )  # fmt: skip
        device, sdk = [
            (await world.ask("GET", "/calendar/api/v1/calendarEvents", token=who)).json["items"][0]
            for who in (peer.token, token)
        ]
        is_clear = mode == "readable"
        assert (device["webexURI"] == "1@x.example", device["meetingJoinInfo"]["meetingNumber"] == "123") == (
            is_clear,
            is_clear,
        )
        assert sdk["webexURI"].startswith("eyJ")
        for item in (device, sdk):
            assert item["encryptedSubject"].startswith("eyJ")
            assert all(item["meetingJoinInfo"][name].startswith("eyJ") for name in ("meetingPassword", "hostKey"))
        if is_clear:
            use.fault("f", "kms", "silent", params={"titles_only": False})
            again = (await world.ask("GET", "/calendar/api/v1/calendarEvents", token=peer.token)).json["items"][0]
            assert again["webexURI"].startswith("eyJ")

    told(story, CloudSettings(kms_join_fields=mode))


def test_the_cluster_keys_and_channels_outlive_a_restart_of_the_cloud(tmp_path: Path) -> None:
    found: list[Any] = []

    async def before(world: World) -> None:
        peer = await Peer.of(world)
        [key] = (await peer.ask("create", "/keys", count=1)).keys or []
        assert peer.cluster is not None
        assert peer.channel is not None
        found.extend((peer.cluster.kid, key.uri, peer.channel.uri, peer.user_id))
        await peer.ws.close()

    async def after(world: World) -> None:
        vault = world.cloud.kms.vault
        assert vault.own.kid == found[0]
        assert vault.key_for(found[1], found[3]).user_id == found[3]
        assert found[2] in world.cloud.platform.store[KmsChannel]
        assert world.cloud.platform.store[User].get(found[3]) is not None

    in_cloud(before, state_dir=tmp_path)
    in_cloud(after, state_dir=tmp_path)

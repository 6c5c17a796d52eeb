"""What the larger client plugin sends: its forms of call, join, media and mute. Source: protocol/cloud-services.md 9.6, 9.7, documented."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from callers import Caller, caller, told
from cloud_world import World

from cloud_stub.media_node.fleet import MediaPlan
from cloud_stub.media_node.node import NodeSpec
from cloud_stub.media_node.responder import Conduct
from endpoint.wire.calliope import Transport
from endpoint.wire.locus.requests import REDIRECTABLE

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 127.0.0.1\r\na=mid:0\r\n"
TIE_BREAKER = 4294967294
NEAR = {"far.a.*": "90", "near.a.*": "9", "none.a.*": "900"}
"""Clusters, and how long it takes to them."""


def roap(kind: str, seq: int = 1, **more: Any) -> dict[str, Any]:
    return {"roapMessage": {"seq": seq, "messageType": kind, "version": "2", "tieBreaker": TIE_BREAKER, **more}}


def body(one: Caller, **more: Any) -> dict[str, Any]:
    """Return the body J, with nulls where the plugin has them."""
    return {
        "asResourceOccupant": False, "device": {"url": one.device_url, "deviceType": "WEB", "countryCode": "", "regionCode": "US-WEST"},
        "usingResource": None, "moveMediaToResource": False, "correlationId": "c", "respOnlySdp": True, "allowMultiDevice": True,
        "ensureConversation": True, "supportsNativeLobby": 1, "alias": None, "locale": "en_UK",
        "deviceCapabilities": ["BREAKOUTS_SUPPORTED"],
        "clientMediaPreferences": {"preferTranscoding": False, "joinCookie": {"anycastEntryPoint": "x"}, "ipver": 0}, **more,
    }  # fmt: skip


def media(said: dict[str, Any], media_id: str = "") -> list[dict[str, Any]]:
    return [{"localSdp": json.dumps(said), "mediaId": media_id}]


def remote(answer: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(answer["mediaConnections"][0]["remoteSdp"])["roapMessage"]
    return message


def test_a_meeting_is_joined_and_left_with_the_negotiation_of_the_larger_plugin() -> None:
    async def story(world: World) -> None:
        number = world.cloud.hybrid.site.one_time("Review", None, "roomsim.webex.test").number
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        call = f"/loci/call?{REDIRECTABLE}"
        wish = body(ada, invitee={"address": f"wbxmn:{number}"}, localMedias=media(roap("TURN_DISCOVERY_REQUEST", 0)))
        made = ada.take(await ada.ask("POST", call, wish))
        turn = remote(made.json)
        assert (turn["seq"], turn["messageType"], "noOkInTransaction" in turn["headers"]) == (
            0, "TURN_DISCOVERY_RESPONSE", True,
        )  # fmt: skip
        locus, connection = made.json["locus"], made.json["mediaConnections"][0]
        mine = f"{locus['self']['url']}/media"
        offer = {**roap("OFFER", sdps=[SDP], headers=["includeAnswerInHttpResponse"]), "audioMuted": False}
        answered = await ada.put(mine, localMedias=media(offer, connection["mediaId"]))
        answer = remote(answered.json)
        assert (answer["seq"], answer["messageType"], answer["version"]) == (1, "ANSWER", "2")
        assert answer["sdps"][0].startswith("v=0\r\n")
        assert answered.json["mediaConnections"][0]["mediaId"] == connection["mediaId"]
        done = await ada.put(mine, localMedias=media(roap("OK"), connection["mediaId"]))
        assert "remoteSdp" not in done.json["mediaConnections"][0]
        joined = bob.take(await bob.ask("POST", f"{locus['url']}/participant?{REDIRECTABLE}", body(bob)))
        assert joined.status == 200, joined.raw
        mute = {
            "respOnlySdp": True,
            "usingResource": None,
            "localMedias": media({"audioMuted": True, "videoMuted": False}),
        }
        muted = await ada.put(mine, **mute)
        assert muted.json["locus"]["self"]["controls"]["audio"]["muted"] is True
        assert "remoteSdp" not in muted.json["mediaConnections"][0]
        await asyncio.sleep(0.05)
        assert "locus.difference" in bob.kinds, "who sends these forms takes deltas"
        left = await ada.put(f"{locus['self']['url']}/leave", usingResource=None, correlationId="c")
        assert left.json["locus"]["self"]["state"] == "LEFT"

    told(story)


def test_a_later_offer_goes_where_the_report_of_the_join_said() -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        report = {name: {"udp": {"reachable": "true", "latencyInMilliseconds": ms}} for name, ms in NEAR.items()}
        joined = ada.take(
            await ada.ask(
                "POST", "/loci/call", body(ada, clientMediaPreferences={"reachability": report, "x": "y" * 9_000})
            )
        )
        mine = f"{joined.json['locus']['self']['url']}/media"
        for _ in range(2):
            answered = await ada.put(mine, localMedias=media(roap("OFFER", sdps=[SDP])))
            assert "c=IN IP4 192.0.2.2\r\n" in remote(answered.json)["sdps"][0]

    conduct = dict.fromkeys(Transport, Conduct())
    told(story, media=MediaPlan(tuple(NodeSpec(name, f"192.0.2.{n}", conduct) for n, name in enumerate(NEAR, 1))))

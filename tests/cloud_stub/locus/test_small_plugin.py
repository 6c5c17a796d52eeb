"""What the small client plugin does with a call: create, hear, get, list, leave. Source: protocol/cloud-services.md 14.4, 18.10."""

from __future__ import annotations

import asyncio

from callers import EMPTY, OFFER, caller, told
from cloud_world import World

from endpoint.wire.locus.dto import parse_locus
from endpoint.wire.locus.sequence import Advice, Order, advise_full, compare, parse_sequence


def test_a_call_is_created_told_got_listed_and_left() -> None:
    async def story(world: World) -> None:
        ada = await caller(world, is_plain=True)
        began = world.clock.time()
        body = {
            "correlationId": "482e7108-1525-47d4-996e-4d42263e754c", "deviceUrl": ada.device_url,
            "invitee": {"invitee": "callee@example.com"},
            "localMedias": [{"localSdp": OFFER}], "sequence": EMPTY,
        }  # fmt: skip
        made = await ada.ask("POST", "/loci/call", body)
        assert made.status == 200, made.raw
        locus = made.json["locus"]
        assert locus["url"].startswith(f"{world.base}/locus/api/v1/loci/")
        me, own = locus["self"], locus["self"]["devices"][0]
        assert (me["state"], own["url"], own["state"], own["intents"]) == ("JOINED", ada.device_url, "JOINED", [None])
        assert own["correlationId"] == body["correlationId"]
        assert me["url"] == f"{locus['url']}/participant/{me['id']}"
        assert (
            locus["fullState"] | {"state": "ACTIVE", "type": "CALL", "count": 1, "active": True} == locus["fullState"]
        )
        (connection,) = made.json["mediaConnections"]
        assert (connection["mediaId"] != "", connection["remoteSdp"]) == (True, '{"type":"SDP","sdp":"v=0"}')
        (entry,) = locus["sequence"]["entries"]
        assert 0 < entry < 2**53
        assert locus["participants"][0]["id"] == me["id"]
        parse_locus(locus)

        await asyncio.sleep(0.05)
        (event,) = ada.events
        assert (event["eventType"], event["locusUrl"]) == ("locus.participant_joined", locus["url"])
        assert "baseSequence" not in event["locus"]
        assert event["locus"]["sequence"] == locus["sequence"]
        assert world.clock.time() - began >= 0.02

        got = (await ada.ask("GET", locus["url"])).json
        assert got == locus
        assert compare(parse_sequence(got["sequence"]), parse_sequence(locus["sequence"])) is Order.EQUAL
        listed = (await ada.ask("GET", "/loci")).json
        assert listed == {"loci": [locus], "locusUrls": [locus["url"]], "remoteLocusClusterUrls": []}

        left = await ada.ask("PUT", f"{me['url']}/leave", {"deviceUrl": ada.device_url, "sequence": locus["sequence"]})
        after = left.json["locus"]
        assert (left.status, after["self"]["state"], after["fullState"]["state"]) == (200, "LEFT", "INACTIVE")
        assert after["fullState"]["active"] is False
        before, now = parse_sequence(locus["sequence"]), parse_sequence(after["sequence"])
        assert advise_full(before, now) is Advice.USE_INCOMING
        assert now.entries[: len(before.entries)] == before.entries
        await asyncio.sleep(0.05)
        assert ada.kinds == ["locus.participant_joined", "locus.participant_left"]
        assert (await ada.ask("GET", "/loci")).json["loci"] == []
        again = await ada.ask("PUT", f"{me['url']}/leave", {"deviceUrl": ada.device_url})
        assert (again.status, again.json["errorCode"]) == (409, 2409005)

    told(story)

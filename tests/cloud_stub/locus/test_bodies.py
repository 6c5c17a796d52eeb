"""Bodies that no client sends: each gets a documented refusal with one line that says why, and nothing has changed."""

from __future__ import annotations

import json

from callers import caller, told
from cloud_world import World

ROUTES = [
    ("POST", "/loci/call"), ("POST", "{url}/participant"), ("PUT", "{url}/participant/alert"), ("PUT", "{url}/participant/decline"),
    ("PUT", "{me}/media"), ("POST", "{me}/sendDtmf"), ("PUT", "{me}/hold"), ("PATCH", "{me}/controls"), ("PUT", "{url}/mediashares/0"),
    ("PATCH", "{url}/controls"), ("POST", "{url}/participants"), ("PUT", "{url}/merge"), ("PUT", "{me}/leave"),
]  # fmt: skip
WITH_MEDIA = ("/loci/call", "{url}/participant", "{me}/media")
BROKEN = (b"{", b"null", b"[]", b'{"device":NaN}', b'{"reason":"\\ud800"}', b"\xff")


def nested(levels: int, left: str = '{"a":', right: str = "}") -> str:
    return left * levels + "1" + right * levels


def test_what_is_nested_or_broken_is_refused() -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        locus = (await ada.call(None)).json["locus"]
        before = (await ada.ask("GET", locus["url"])).json
        who = f'"device": {{"url": {json.dumps(ada.device_url)}}}'
        members = [nested(65), nested(400), nested(1_000), nested(9_000), nested(400, "[", "]")]
        deep = json.dumps([{"localSdp": f'{{"reachability": {nested(5_000)}}}'}])
        for method, path in ROUTES:
            bodies = [*BROKEN, *(f'{{{who}, "x": {member}}}'.encode() for member in members)]
            if path in WITH_MEDIA:
                bodies.append(f'{{{who}, "localMedias": {deep}}}'.encode())
            for body in bodies:
                url = path.format(url=locus["url"], me=locus["self"]["url"])
                reply = await ada.ask(method, url, body)
                assert reply.status == 400, (method, url, body[-80:], reply.raw[:80])
                message = reply.json["message"]
                assert 0 < len(message) < 300
                assert "\n" not in message
        assert (await ada.ask("GET", locus["url"])).json == before

    told(story)

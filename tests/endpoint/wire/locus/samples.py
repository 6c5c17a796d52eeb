"""The worked examples of protocol/cloud-services.md 18.10 and 18.11, ids filled up, and what the protocol names beyond them."""

from __future__ import annotations

from typing import Any, Final

LOCUS: Final = "http://127.0.0.1:8080/locus/api/v1/loci/9efe87fb-557a-4679-8212-7803fdfbedb6"
DEVICE: Final = "http://127.0.0.1:8080/wdm/api/v1/devices/5d2a7616-d05e-43f5-a64e-38920c61afb8"
CORRELATION: Final = "482e7108-1525-47d4-996e-4d42263e754c"

SELF: Final[dict[str, Any]] = {
    "id": "7cfc97f3",
    "url": f"{LOCUS}/participant/7cfc97f3",
    "state": "JOINED",
    "type": "USER",
    "identity": "c0ff",
    "isCreator": True,
    "person": {"id": "c0ff", "name": "Stub User", "orgId": "0a0b"},
    "devices": [
        {
            "url": DEVICE,
            "deviceType": "WEB",
            "state": "JOINED",
            "intents": [None],
            "csis": [],
            "correlationId": CORRELATION,
            "keepAliveSecs": 300,
        }
    ],
    "status": {"audioStatus": "RECVONLY", "videoStatus": "RECVONLY", "csis": []},
    "controls": {"audio": {"muted": False}, "video": {"muted": False}},
}
DTO: Final[dict[str, Any]] = {
    "url": LOCUS,
    "created": "2026-11-20T18:22:00Z",
    "fullState": {
        "active": True,
        "count": 1,
        "locked": False,
        "state": "ACTIVE",
        "type": "CALL",
        "lastActive": "2026-11-20T18:22:00Z",
        "sessionIds": [],
    },
    "self": SELF,
    "participants": [SELF],
    "mediaShares": [{"name": "content", "url": f"{LOCUS}/mediashares/0"}],
    "controls": {"lock": {"locked": False, "meta": {}}},
    "info": {
        "topic": "",
        "sipUri": "9efe@stub.test",
        "isPmr": False,
        "displayHints": {"joined": [], "moderator": [], "coHost": []},
    },
    "sequence": {"entries": [1795199210021001], "rangeStart": 0, "rangeEnd": 0},
    "syncUrl": f"{LOCUS}/sync?since=1795199210021001",
    "links": {"services": {}},
}
CALL: Final[dict[str, Any]] = {
    "correlationId": CORRELATION,
    "deviceUrl": DEVICE,
    "invitee": {"invitee": "callee@example.com"},
    "localMedias": [{"localSdp": '{"type":"SDP","sdp":"v=0"}'}],
    "sequence": {"entries": [], "rangeStart": 0, "rangeEnd": 0},
}
ANSWER: Final[dict[str, Any]] = {
    "locus": DTO,
    "mediaConnections": [
        {"mediaId": "5706ee09", "type": "SDP", "remoteSdp": '{"type":"SDP","sdp":"v=0"}', "mediaAgentAlias": "stub"}
    ],
}
DELTA: Final[dict[str, Any]] = {
    "url": LOCUS,
    "baseSequence": {"entries": [1795199210021001], "rangeStart": 0, "rangeEnd": 0},
    "sequence": {"entries": [1795199210021001, 1795199210021002], "rangeStart": 0, "rangeEnd": 0},
    "participants": [
        {"url": f"{LOCUS}/participant/aa", "removed": True},
        {"url": f"{LOCUS}/participant/bb", "id": "bb", "state": "JOINED"},
    ],
    "syncUrl": f"{LOCUS}/sync?since=1795199210021002",
}
J: Final[dict[str, Any]] = {
    "asResourceOccupant": False,
    "device": {"url": DEVICE, "deviceType": "WEB", "countryCode": "US", "localIp": "127.0.0.1"},
    "usingResource": None,
    "moveMediaToResource": False,
    "correlationId": CORRELATION,
    "respOnlySdp": True,
    "allowMultiDevice": True,
    "ensureConversation": False,
    "supportsNativeLobby": 1,
    "clientMediaPreferences": {"preferTranscoding": False, "joinCookie": {"anycastEntryPoint": "a"}, "ipver": 0},
    "deviceCapabilities": ["BREAKOUTS_SUPPORTED"],
    "pin": "1234",
    "callPreferences": {"requestedMedia": ["SLIDES"]},
    "localMedias": [
        {
            "localSdp": '{"roapMessage":{"seq":1,"messageType":"OFFER","version":"2","sdps":["v=0"],"tieBreaker":4294967294,'
            '"headers":["includeAnswerInHttpResponse"]},"reachability":{"cluster":{"udp":{"reachable":"true"}}}}'
        }
    ],
}
"""The body of a join as the larger plugin sends it; protocol/cloud-services.md 9.6."""

"""Media: rows 33 to 40 of the fault table. Source: protocol/activation-and-media.md section 16."""

from __future__ import annotations

from typing import Final

from endpoint.runtime.field_faults.row import Row, Variant

_NO_UDP: Final = ({"on": "udp", "do": "drop", "target": {"port": [5004, 9000]}},)
"""Nodes answer at both ports; which of them a device asks, the cluster list says."""

ROWS: Final = (
    Row(
        33,
        "media.udp_blocked",
        what="UDP to the media nodes (5004, 9000) is dropped",
        log="L11 0 udp, n tcp, n xTls, R61 udp; R73 tcp",
        shown="TCPMediaFallback W; CalliopeDiscovery starts at Best 2",
        people="call works, more delay and loss bursts; Issues",
        source="documented",
        plan=_NO_UDP,
        scenario="faults/media_udp_blocked.yaml",
    ),
    Row(
        34,
        "media.udp_tcp_blocked",
        what="and TCP 5004",
        log="L11 0 udp, 0 tcp, n xTls, R61 twice; R73 xTls",
        shown="TCPMediaFallback W, MediaBlockingDetected W; only Best 3",
        people="works over TLS",
        source="documented",
        plan=(*_NO_UDP, {"on": "tcp", "do": "block", "target": {"port": 5004}}),
        scenario="faults/media_udp_tcp_blocked.yaml",
    ),
    Row(
        35,
        "media.all_blocked",
        what="and TCP 443 to the nodes",
        log="L11 from 0 out of m, R61 x3; R70; L13 ice.end",
        shown="MediaBlockingDetected E; Call Ice Failed, ICE Call Result; CalliopeDiscovery Status Completed, no Best",
        people="connects, then drops; client error 2004 or 2011; Issues",
        source="documented",
        plan=(*_NO_UDP, {"on": "tcp", "do": "block", "target": {"service": "media"}}),
        scenario="faults/media_all_blocked.yaml",
    ),
    Row(
        36,
        "discovery.failed",
        what="cluster list 5xx (`status`)",
        log="L07, L08, L09 500 (not with timeout), R60",
        shown="CalliopeDiscovery Status Failed; Best of the old result until its age has passed",
        people="joins without reachability, maybe far node",
        source="ours",
        plan=({"on": "http", "do": "error", "target": {"service": "calliope"}, "status": 500},),
        scenario="faults/discovery_failed.yaml",
        variants=(
            Variant(
                "timeout",
                "the list does not come in time",
                ({"on": "http", "do": "delay", "target": {"service": "calliope"}, "by": "60s"},),
            ),
        ),
    ),
    Row(
        37,
        "discovery.region_filtered",
        what="the addresses of the nearest cluster are dropped (`target: { cluster: ... }`)",
        log="L11 fewer answers, longer run; L12 far cluster",
        shown="higher RTT, larger DiscoveryTimeInSec",
        people="quality complaints",
        source="documented",
        plan=({"on": "stun", "do": "silent", "target": {"cluster": "wdfw2.wdfw2.*"}},),
        scenario="faults/discovery_region_filtered.yaml",
    ),
    Row(
        38,
        "rtcp.blocked",
        what="drop RTCP (types 200-207), let RTP pass",
        log="L18 x7, L19, L14",
        shown="MediaBlockingDetected E",
        people="no remote video, audio fine, nobody else notices",
        source="observed",
        pending="it comes with RTCP",
    ),
    Row(
        39,
        "multistream.refused",
        what="node answers SCA with state 1 or 4",
        log="R74, R75",
        shown="none",
        people="placeholder tile, or low resolution",
        source="ours",
        pending="it comes with multistream",
    ),
    Row(
        40,
        "media.bad_path",
        what="8% of the packets are lost, the others come 80 ms unevenly; media is modelled, so its figures are",
        log="R71; L13 mediaquality.event with the figures",
        shown="CurrentNetworkQuality W, NetworkQuality W (before 26)",
        people="worse video, banner `Poor network`; Issues",
        source="ours",
        plan=(
            {"on": "media", "do": "loss", "percent": "8%"},
            {"on": "media", "do": "jitter", "by": "80ms"},
        ),
        scenario="faults/media_bad_path.yaml",
        before="a call is going on",
    ),
)

"""What is changed in each shipped scenario so that it is not true any more, and what the report has to say about it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.scenarios.stories import SCENARIOS, plays_alone, shipped

MUTATIONS = {
    "faults/client_flood.yaml": ("data.sent: 400", "data.sent: 401", "expected is 401"),
    "xapi/subscriptions.yaml": ("subscriber: websocket, is: 98", "subscriber: websocket, is: 97", "expected is 97"),
    "proxy/ways.yaml": ("port: 443, status: 200", "port: 443, status: 407", "trace"),
    "proxy/strips_upgrade.yaml": ("upgrade refused (200)", "upgrade refused (201)", "upgrade refused (201)"),
    "faults/discovery_region_filtered.yaml": ("Best 1 RTT: 25", "Best 1 RTT: 26", "expected is 26"),
    "faults/locus_gap.yaml": ("Connected }], within: 5s", "Ringing }], within: 5s", "Ringing"),
    "faults/teams_no_cvi.yaml": ("count: 1 }, within: 5s", "count: 2 }, within: 5s", "expected is 2"),
    "network/clock_runs_wrong.yaml": ("Status: FreeUntil", "Status: BookedUntil", 'expected is "BookedUntil"'),
    "morning.yaml": ("answered: 166", "answered: 165", "discovery.answered: got 166, expected is 165"),
    "activation/activation.yaml": (
        "proof accepted",
        "proof refused",
        'expected contains "Wx2[3]: Activation: proof refused"',
    ),
    "activation/expired_code.yaml": ("status: 410", "status: 411", "status: got 410, expected is 411"),
    "activation/malformed_proxy_certificate.yaml": ("3 of 3", "2 of 3", "rejected certificate 2 of 3"),
    "activation/tls_proxy_certificates.yaml": ("from srpconfig", "from thin air", "from thin air"),
    "activation/used_code.yaml": ("failed: code.used", "failed: code.expired", "failed: code.expired"),
    "activation/wrong_code.yaml": ("status: 404", "status: 410", "status: got 404, expected is 410"),
    "calendar/ad_hoc_booking.yaml": ("MinutesFreed: 30", "MinutesFreed: 31", "expected is 31"),
    "calendar/ad_hoc_refused.yaml": (
        "FailureCause: KmsError",
        "FailureCause: Timeout",
        'got "KmsError", expected is "Timeout"',
    ),
    "calendar/auto_join_invited.yaml": ("by: auto", "by: button", 'got "auto", expected is "button"'),
    "calendar/catch_up_120.yaml": ("TotalRows: 120", "TotalRows: 121", "got 120, expected is 121"),
    "calendar/check_in_no_show.yaml": ("MinuteOffset: 4", "MinuteOffset: 5", "got 4, expected is 5"),
    "calendar/decline_from_the_room.yaml": (
        "is AdhocOnly",
        "is All",
        'expected contains "DeclinableBookingType is All"',
    ),
    "calendar/declined_room.yaml": ("reason: window", "reason: horizon", 'got "window", expected is "horizon"'),
    "calendar/delete_comments.yaml": ("mode: Manual", "mode: OBTP", 'got "Manual", expected is "OBTP"'),
    "calendar/extend_conflict.yaml": ("Extension: 30", "Extension: 0", "got 30, expected is 0"),
    "calendar/horizons.yaml": ("reach: daily", "reach: now", 'got "daily", expected is "now"'),
    "calendar/hybrid_faults.yaml": ("reason: forced", "reason: conflict", 'got "forced", expected is "conflict"'),
    "calendar/kms_faults.yaml": ("not_before: 6s", "not_before: 7s", "not before 7s"),
    "calendar/kms_outage.yaml": (
        "number: review@",
        "number: another@",
        'got "review@site.webex.test", expected is "another@site.webex.test"',
    ),
    "calendar/kms_strict.yaml": ("unreadable: Error", "unreadable: Warning", 'got "Error", expected is "Warning"'),
    "calendar/log_sequences.yaml": ("Creating new Meeting (id=2)", "Creating new Meeting (id=3)", "Meeting (id=3)"),
    "calendar/minimal_events.yaml": (
        "[{ Title: Long talk",
        "[{ Title: Small talk",
        'got "Long talk", expected is "Small talk"',
    ),
    "calendar/out_of_order.yaml": ("[{ Title: Second", "[{ Title: First", 'got "Second", expected is "First"'),
    "calendar/own_edit.yaml": ("cal.patch, times: 1", "cal.patch, times: 2", "expected"),
    "calendar/put_replaces.yaml": ("Title: Yearly }]", "Title: Monthly }]", 'got "Yearly", expected is "Monthly"'),
    "calendar/series.yaml": ("Starts at 07:00", "Starts at 06:00", 'expected is "Starts at 06:00"'),
    "calendar/series_dst.yaml": ("2026-03-30T22:30", "2026-03-30T23:30", 'got "2026-03-30T22:30:00Z"'),
    "calendar/setup_steps.yaml": ("copy: room", "copy: organizer", 'got "room", expected is "organizer"'),
    "calendar/test_recipe.yaml": ("number: ana.smith@", "number: ben.bo@", 'got "ana.smith@roomsim.webex.test"'),
    "calendar/update_while_down.yaml": (
        "[{ Title: Has moved",
        "[{ Title: Moves",
        'got "Has moved", expected is "Moves"',
    ),
    "calendar/webex_and_zoom.yaml": ("Platform: Zoom", "Platform: Webex", 'got "Zoom", expected is "Webex"'),
    "calendar/webex_meeting.yaml": ("durationMinutes: 90", "durationMinutes: 60", "got 90, expected is 60"),
    "calendar/auto_join.yaml": ("times: 1 }", "times: 2 }", "expected"),
    "calendar/back_to_back.yaml": ("Extension: 30", "Extension: 0", "got 30, expected is 0"),
    "calendar/dst_day.yaml": (
        'local: "03:30"',
        'local: "02:30"',
        'got "Starts at 03:30", expected is "Starts at 02:30"',
    ),
    "calendar/early_and_late_join.yaml": (
        "visible: true, title: Design",
        "visible: false, title: Design",
        "expected is false",
    ),
    "calendar/join_button.yaml": ("Starts at 09:00", "Starts at 10:00", 'expected is "Starts at 10:00"'),
    "calendar/join_button_moves.yaml": ("T10:45:00Z", "T10:30:00Z", 'got "2026-03-02T10:45:00Z"'),
    "calendar/join_fields.yaml": ("mode: Manual", "mode: OBTP", 'got "Manual", expected is "OBTP"'),
    "calendar/lead_time.yaml": ("before: 44m59s", "before: 45m", "expected is false"),
    "calendar/overlapping.yaml": ("Current Id: webex-1", "Current Id: webex-2", 'got "webex-1", expected is "webex-2"'),
    "calendar/work_day.yaml": ("Seconds: 60", "Seconds: 61", "expected is 61"),
    "calendar/catch_up.yaml": ('offset: "0"', 'offset: "1"', 'query.offset: got "0", expected is "1"'),
    "calendar/two_rooms_at_once.yaml": (
        "display_name: Planning",
        "display_name: Review",
        'got "Planning", expected is "Review"',
    ),
    "calls/answer_conflict.yaml": ("times: 2 }", "times: 1 }", "times 1"),
    "calls/auto_answer.yaml": ("not_before: 5s", "not_before: 6s", "not before 6s"),
    "calls/auto_join.yaml": ("times: 1 } }, xstatus", "times: 2 } }, xstatus", "times 2"),
    "calls/call_analyzer.yaml": ("- client.ice.end", "- client.lobby.entered", "client.lobby.entered"),
    "calls/closed_meetings.yaml": ("status: 423", "status: 424", "got 423, expected is 424"),
    "calls/far_end.yaml": ("CauseCode: 486", "CauseCode: 603", "CauseCode: got 486, expected is 603"),
    "calls/in_the_meeting.yaml": ('Recording": Paused', 'Recording": None', "expected has None"),
    "calls/incoming_answered.yaml": (
        "OccurrenceType: Received",
        "OccurrenceType: Missed",
        'got "Received", expected is "Missed"',
    ),
    "calls/incoming_not_taken.yaml": (
        "OccurrenceType: Rejected",
        "OccurrenceType: Missed",
        "expected has {OccurrenceType: Missed}",
    ),
    "calls/ivr.yaml": ("prompts: 2", "prompts: 3", "got 2, expected is 3"),
    "calls/join_from_the_button.yaml": ("CauseValue: 1,", "CauseValue: 2,", "CauseValue: got 1, expected is 2"),
    "calls/leave_and_rejoin.yaml": ("id: 3, status", "id: 2, status", "calls[0].id: got 3, expected is 2"),
    "calls/lobby.yaml": ("CallSuccessful: { times: 1 }", "CallSuccessful: { times: 2 }", "times 2"),
    "calls/locus_events.yaml": ("{ has: { name: Ben Bo } }]", "{ has: { name: Cyn } }]", "expected has {name: Cyn}"),
    "calls/locus_moves.yaml": ("status: 307", "status: 308", "got 307, expected is 308"),
    "calls/locus_requests.yaml": ("calls.count: 1", "calls.count: 2", "calls.count: got 1, expected is 2"),
    "calls/lost_answer.yaml": ("calls.count: 1", "calls.count: 2", "calls.count: got 1, expected is 2"),
    "calls/meeting_not_found.yaml": ("CallRate: 20000", "CallRate: 6000", "CallRate: got 20000, expected is 6000"),
    "calls/moved_meeting.yaml": ("name: Ben Bo } } }]", "name: Ana Smith } } }]", "expected has {name: Ana Smith}"),
    "calls/mute_by_host.yaml": ('SelfMute": Unavailable', 'SelfMute": Available', "expected has Available"),
    "calls/network_loss.yaml": ('Status": Preserved', 'Status": OnHold', "expected has OnHold"),
    "calls/pin.yaml": ("status: 423", "status: 403", "got 423, expected is 403"),
    "calls/redial.yaml": ("OccurrenceCount: 2", "OccurrenceCount: 3", "OccurrenceCount: got 2, expected is 3"),
    "calls/sip_no_answer.yaml": ("not_before: 30s", "not_before: 90s", "not before 1m30s"),
    "calls/sip_peers.yaml": (
        "type: RemoteRejected, code",
        "type: RemoteBusy, code",
        'got "RemoteRejected", expected is "RemoteBusy"',
    ),
    "calls/two_calls.yaml": (
        "NumberOfSuspendedCalls: 1",
        "NumberOfSuspendedCalls: 0",
        "NumberOfSuspendedCalls: got 1, expected is 0",
    ),
    "calls/two_devices_meet.yaml": ("name: Green, muted: true", "name: Blue, muted: true", "name: Blue, muted: true"),
    "calls/zoom_fails_twice.yaml": ("times: 2", "times: 3", "times 3"),
    "calls/zoom_auto_join.yaml": (
        "CallDisconnect: { Protocol: SIP",
        "CallDisconnect: { Protocol: Spark",
        'got "SIP", expected is "Spark"',
    ),
    "calls/zoom_lost_passcode.yaml": ('prompts": 1', 'prompts": 0', "got 1, expected is 0"),
    "calls/zoom_no_listener.yaml": (
        "history: { count: 1 }",
        "history: { count: 2 }",
        "history.count: got 1, expected is 2",
    ),
    "calls/zoom_nothing_to_do.yaml": (
        "type: SslRejected",
        "type: RemoteBusy",
        'got "SslRejected", expected is "RemoteBusy"',
    ),
    "calls/zoom_obtp_sip.yaml": (
        "{ call: 2, protocol: Spark, status: Connected }",
        "{ call: 2, protocol: SIP, status: Connected }",
        'got "Spark", expected is "SIP"',
    ),
    "discovery/discovery_210_44.yaml": ("silent: 44\n", "silent: 43\n", "discovery.silent: got 44, expected is 43"),
    "discovery/udp_blocked.yaml": (
        "TCPMediaFallback: Warning",
        "TCPMediaFallback: Error",
        'got "Warning", expected is "Error"',
    ),
    "identity/device_deleted.yaml": ("removed (event)", "removed (invalid_grant)", "Account removed (invalid_grant)"),
    "identity/restart_without_code.yaml": (
        "Reason: Unknown",
        "Reason: Restart",
        'got "Unknown", expected is "Restart"',
    ),
    "identity/token_revoked.yaml": ("status: 400", "status: 401", "status: got 400, expected is 401"),
    "maintenance/factory_reset.yaml": (
        "Keep: LocalSetup }",
        "Keep: Network }",
        'Keep: got "LocalSetup", expected is "Network"',
    ),
    "maintenance/restart_keeps.yaml": ("Audio Volume: 70", "Audio Volume: 20", "Audio Volume: got 70, expected is 20"),
    "maintenance/software_upgrade.yaml": ("in phase Installing", "in phase Downloading", "in phase Downloading"),
    "maintenance/standby.yaml": ("NameNotUsed: 30", "NameNotUsed: 31", "expected is 31"),
    "maintenance/upgrade.yaml": ("starts: ce26.5 }", "starts: ce26.4 }", 'expected starts "ce26.4"'),
    "mercury/mercury_reset_catch_up.yaml": ("code=1006", "code=1001", "closed code=1001"),
    "tls/bad_server_certificates.yaml": ("CONSUMED", "PENDING", 'got "CONSUMED", expected is "PENDING"'),
    "xapi/from_the_cloud.yaml": ("Code: 504", "Code: 503", "Code: got 504, expected is 503"),
    "xapi/panel.yaml": ("Reason: Access denied", "Reason: Access granted", "-> Error: Access denied at +0.000s"),
    "xapi/roles.yaml": ("integrator, reset: Error", "integrator, reset: OK", 'status: got "Error", expected is "OK"'),
    "faults/power_loss.yaml": ("LastShutdownReason: Unknown", "LastShutdownReason: Restart", "Unknown"),
    "faults/tls_revocation_blocked.yaml": ("status: Registered", "status: Stopped", "Registered"),
    "xapi/websocket.yaml": ("set by integrator from", "set by user from", "set by user from"),
    "xapi/volume_and_mute.yaml": ("Volume: 30, times: 1", "Volume: 31, times: 1", "Status Audio"),
}
"""What is changed in each file, and what the report has to say about it."""


FILES = sorted(
    {Path(scenario.file).relative_to(SCENARIOS).as_posix() for scenario in shipped() if plays_alone(scenario)}
)


def mutation(file: str) -> tuple[str, str, str]:
    """Return what to change in a file; in one that is not listed, the first expectation that can be changed blindly."""
    if file in MUTATIONS:
        return MUTATIONS[file]
    for line in (SCENARIOS / file).read_text().splitlines():
        found = re.search(r'log: "[^"$]+|request: .*status: [0-9]+|Webex Status: [A-Z][a-z]+', line)
        if found is not None and "never" not in line:
            wrong = "Webex Status: Disabled" if found[0].startswith("Webex") else f"{found[0]}9"
            return found[0], wrong, "expected"
        level = re.search(r"diagnostics: \{ \w+: (Critical|Error|Warning|Info)", line)
        if level is not None and "never" not in line:
            wrong = "Info" if level[1] != "Info" else "Error"
            return level[0], level[0].removesuffix(level[1]) + wrong, f'expected is "{wrong}"'
        cause = re.search(r"why: \{ [\w-]+: \[?(\w+)", line)
        if cause is not None:
            wrong = "visibility" if cause[1] != "visibility" else "clock_wrong"
            return cause[0], cause[0].removesuffix(cause[1]) + wrong, f'got "{cause[1]}"'
    raise AssertionError(f"{file}: list its mutation above")

"""The lines of the device log: whether each was seen on a real device, and when it comes.

`tests/docs/test_log_lines.py` holds these tables against the code, both ways.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

PROCESSES: Final = frozenset({"thermal_control", "bootnotifier"})
"""Processes with lines of their own, without module and level."""


class Row(NamedTuple):
    """One line: its mark in comments and scenarios, module, level, text with `{slots}`, and when it comes."""

    mark: str
    module: str
    level: str
    text: str
    when: str

    @property
    def shown(self) -> str:
        """The line as it is printed, without time and process."""
        if self.module in PROCESSES:
            return f"{self.module}[{{pid}}]: {self.text}"
        level = f"[{self.level}]" if self.level.isdigit() else f" {self.level}"
        return f"{self.module}{level}: {self.text}"

    @property
    def pattern(self) -> re.Pattern[str]:
        """What texts of this line look like."""
        parts = re.split(r"\{[^}]*\}", self.text)
        return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


_CA: Final = "/config/certs/spark_ca_list/tls_proxy"
_NO_LIST: Final = "No 'trustList' sub-document in configData. No CA certificates will be updated"
_COMPLETED: Final = (
    "CalliopeDiscovery completed with response from {answered} out of {asked} servers. {n} udp, {n} tcp, {n} xTls"
)
_BEST: Final = "BEST callCenter:{cluster}, trnsp:{udp}, protocol:stun, ip:{ip}:{port} with RTT:{ms}"
_MEETING: Final = (
    " - organizer='{id}' start='{time}' id='{id}' meetingJoinType='{type}' meetingJoinURI={true} meetingJoinURL={true}"
    " webexURI={true} spaceURI={true} callURI={true}"
)

OBSERVED: Final = (
    Row(
        "L01",
        "Wx2",
        "3",
        "process_additional_CAs: Parsed {n} additional CA certificate(s)",
        "configuration of the cloud processed",
    ),
    Row(
        "L02",
        "Wx2",
        "I",
        f'setup_all_symlinks: using tls proxy certs directory: "{_CA}" -> {_CA}-{{unix}}',
        "after L01",
    ),
    Row("L03", "Wx2", "I", "process_additional_CAs: Updated CA certificates from srpconfig", "after L02"),
    Row("L04", "Wx2", "3", "Restarting CA trust store refresh in {seconds} second(s)", "after L03, and at boot"),
    Row("L05", "Wx2", "1", "safe_extract_array: missing key trustList", "the configuration has no `trustList`"),
    Row("L06", "Wx2", "I", f"process_additional_CAs: {_NO_LIST}", "after L05"),
    Row("L07", "Wx2", "2", "Starting calliope discovery", "media discovery begins"),
    Row("L08", "Wx2Http", "1", "HTTP({n}) => {METHOD} {url}", "every request"),
    Row("L09", "Wx2Http", "1", "HTTP({n}) <= {status}", "every answer"),
    Row(
        "L10",
        "Wx2",
        "I",
        "CalliopeDiscovery Cache-Control::max-age={age} rand (75 - 100) -> {seconds}",
        "the cluster list is here",
    ),
    Row("L11", "CalliopeDiscovery", "I", _COMPLETED, "media discovery ends"),
    Row("L12", "CalliopeDiscovery", "I", f"CalliopeDiscovery: {_BEST}", "after L11, one for each transport"),
    Row("L13", "Wx2", "6", "Diagnostic event: {name}", "each step of a call, before it is told to the metrics service"),
    Row(
        "L14",
        "Wx2Call",
        "3",
        "wx2_call::diagnosticEvent(p={n}) name=client.media.rx.stop mediaType={type} error={name}",
        "media that came has stopped, instead of L13",
    ),
    Row(
        "L21",
        "Wx2",
        "I",
        "NotificationChannel: {eventType}, trackingid {id}",
        "every event of the notification channel",
    ),
    Row("L22", "Wx2", "3", "CalendarClientImpl::on_meeting_updated_event", "a meeting was created or changed"),
    Row("L23", "Wx2", "1", f"Inserting new meeting{_MEETING}", "a meeting that was not known"),
    Row("L24", "Wx2", "1", f"Updating meeting{_MEETING}", "a meeting that was known"),
    Row("L25", "Wx2", "1", "updateMeetingFromCalendarEvent resourceUrl='{url}'", "a meeting was changed, before L22"),
    Row("L26", "Wx2", "3", "Decrypting title for calendar event with id='{id}'", "after L23 and L24"),
    Row(
        "L27",
        "Wx2",
        "3",
        "Found plaintext title for calendar event with id='{id}'",
        "after L26 of a new meeting that was pushed; or healed later",
    ),
    Row("L28", "Wx2", "5", "MeetingsControl::on_calendar_event_created", "a booking is made of a meeting"),
    Row("L29", "Wx2", "5", "Creating new Meeting (id={n})", "after L28"),
    Row("L30", "Wx2", "5", "Attaching CalendarEvent (id={id}) to Meeting (id={n})", "after L29"),
    Row("L31", "Wx2", "5", "MeetingsControl::on_calendar_event_deleted", "a meeting with a booking is gone"),
    Row("L32", "Wx2", "5", "Detaching CalendarEvent (id={id}) from Meeting (id={n})", "after L31"),
    Row("L33", "Wx2", "5", "Removing Meeting (id={n})", "after L32"),
    Row(
        "L34",
        "Wx2",
        "I",
        "Wx2MeetingsHandlerImpl::meetings_updated: num meetings={n}",
        "after L33: what is left of the calendar",
    ),
    Row("T01", "Wx2", "1", "Response: {json}", "call control refuses a request; code and words of the answer"),
    Row(
        "T02",
        "Wx2",
        "ERROR",
        "CallImpl::verror: '{operation, expected or not, reason, response}'",
        "a call could not be made, joined or answered",
    ),
    Row("T03", "Wx2", "3", "CallServiceImpl::onCallError: locusId='', lastActive=''", "after T02"),
    Row("T04", "Wx2", "3", "CallServiceImpl: Removing Call with correlationId='{uuid}'", "a call is over"),
    Row(
        "T05",
        "MainEvents",
        "I",
        "CallDisconnectIndicated(p={call}) remoteURI={uri} cause=[{cause}]",
        "the far end or the cloud ends a call",
    ),
    Row("T06", "MainEvents", "I", "ParticipantLeftConference(c={conference},p={call})", "after T05, and at a hang-up"),
    Row(
        "T07",
        "MainEvents",
        "I",
        "CallDisconnected(p={call}) remoteURI={uri} causeToLocal=[{cause}] causeToRemote=[{cause}]",
        "after T06",
    ),
)
"""Lines that were seen on real devices, in this shape."""

OURS: Final = (
    Row("R01", "Wx2Http", "W", "HTTP({n}) failed: {reason}", "nobody answered"),
    Row("R02", "Wx2Http", "1", "HTTP({n}) retry {k} in {ms} ms", "a request will be sent again"),
    Row("R03", "Wx2Http", "W", "HTTP({n}) giving up after {k} attempts", "it will not"),
    Row("R05", "Network", "W", "link down on {interface}", "the network cable is out"),
    Row("", "Network", "I", "link up on {interface}, {mbps} Mbit/s", "it is in again"),
    Row("R06", "Network", "W", "no IPv4 lease on {interface}", "nobody gives the device an address"),
    Row(
        "R07",
        "Network",
        "W",
        "captive portal: {url} answered {status} {location}",
        "somebody else answers for the cloud over plain http, and sends people elsewhere",
    ),
    Row("T13", "thermal_control", "E", "temperature critical: {n} C", "the device is too hot"),
    Row("", "thermal_control", "E", "shutdown in {n} ms", "after T13"),
    Row("", "thermal_control", "E", "thermal shutdown", "20 s after T13"),
    Row("", "bootnotifier", "I", "shutdown due to notification from main", "after it"),
    Row(
        "",
        "MainEvents",
        "E",
        "starting with factory settings: {why}",
        "the file with the state cannot be read; it is set aside",
    ),
    Row(
        "R93", "Wx2", "I", "certificate renewed, restart required", "the service certificates of the cloud are new ones"
    ),
    Row("R12", "Network", "I", "system time set from {host}: {old} -> {new}", "the device's clock was wrong at boot"),
    Row("R20", "Wx2", "I", "Activation: started", "a code was entered"),
    Row(
        "R08",
        "Network",
        "I",
        "proxy {Manual, PACUrl, WPAD} {url}",
        "at boot, and when the settings of the proxy change",
    ),
    Row("R09", "Network", "W", "PAC load failed {url}: {reason}", "the script cannot be had, or cannot be used"),
    Row(
        "R10", "Network", "W", "proxy offers no supported authentication ({schemes})", "devices can do Basic and Digest"
    ),
    Row("R11", "Network", "W", "proxy refused our credentials, not trying again", "for ten minutes"),
    Row(
        "R21", "Wx2", "3", "Activation: challenge received, group {group} version {version}", "the first reply is good"
    ),
    Row("R22", "Wx2", "3", "Activation: proof accepted", "the second one is"),
    Row("R23", "Wx2", "3", "Activation: registered", "the third one is"),
    Row("R24", "Wx2", "W", "Activation: failed: {code}", "refused, see [activation errors](activation-errors.md)"),
    Row(
        "R25",
        "Wx2",
        "W",
        "Activation: challenge rejected: {what}",
        "a reply broke a rule: version, group, length, zero or url",
    ),
    Row("R26", "Wx2", "W", "Activation: {blob} authentication failed", "the MAC of a reply is bad"),
    Row("R27", "Wx2", "I", "Activation: lock-down applied ({action})", "the end of an activation"),
    Row(
        "R27b",
        "Wx2",
        "W",
        "CA trust store refresh failed: {reason}; retry in {seconds} second(s)",
        "the configuration could not be had again",
    ),
    Row(
        "R28",
        "Wx2",
        "W",
        "process_additional_CAs: rejected certificate {i} of {n}: {reason}",
        "a certificate of the `trustList` is malformed",
    ),
    Row("R29", "Wx2", "W", "safe_extract_array: key trustList is not an array", ""),
    Row(
        "",
        "Wx2",
        "W",
        "rejected service certificate {i} of {n}: {reason}",
        "a certificate of the activation is malformed",
    ),
    Row("", "Wx2", "E", "state not written: {reason}", "it holds until the device goes off"),
    Row("", "Wx2", "E", "CA trust store not written: {reason}", "it holds until the next boot"),
    Row("R30", "Wx2", "3", "Token refresh in {seconds} second(s)", "a token is here"),
    Row("R31", "Wx2", "3", "Token refreshed", ""),
    Row("R32", "Wx2", "W", "Token refresh failed: {error}", ""),
    Row("R33", "Wx2", "W", "Account removed ({why})", "the account is gone: `event` or `invalid_grant`"),
    Row("R40", "Wx2", "3", "Service catalogue updated: {n} services", ""),
    Row("R41", "Wx2", "W", "Service catalogue has no url for {service}", ""),
    Row("", "Wx2", "W", "Service catalogue not updated: {reason}", ""),
    Row("R42", "Wx2", "3", "{Device registered, Device registration refreshed}", ""),
    Row("R43", "Wx2", "W", "Device registration failed: {status}", ""),
    Row("R44", "Wx2", "W", "Device registration lost, creating a new one", "the cloud answered 404"),
    Row("R45", "Wx2", "I", "Webex status {old} -> {new}", ""),
    Row(
        "",
        "Wx2",
        "W",
        "not online: {reason}; retry in {seconds} second(s)",
        "the whole way to the cloud will be tried again",
    ),
    Row("R50", "Wx2WebSocket", "3", "connecting to {host}", ""),
    Row("R51", "Wx2WebSocket", "I", "connected", "the opening event is here"),
    Row("R52", "Wx2WebSocket", "W", "closed code={code} reason='{text}'", ""),
    Row("R53", "Wx2WebSocket", "W", "connect failed: {reason}; retry {k} in {ms} ms", ""),
    Row("R54", "Wx2WebSocket", "W", "no pong within {ms} ms", ""),
    Row("", "Wx2WebSocket", "W", "second connection failed: {reason}", "the first one stays"),
    Row("", "Wx2WebSocket", "W", "frame ignored: {why}", "a frame broke a rule"),
    Row("", "Wx2WebSocket", "W", "sequence gap: expected {n}, got {n}", ""),
    Row(
        "R55",
        "WebSocketNotificationChannel",
        "I",
        "endpoint changed to {host}",
        "the registration has another websocket URL",
    ),
    Row(
        "R60",
        "CalliopeDiscovery",
        "W",
        "CalliopeDiscovery request failed: {reason}; keeping the result of {time}",
        "no cluster list",
    ),
    Row("R61", "CalliopeDiscovery", "W", "CalliopeDiscovery: no server answered over {transport}", "after L12"),
    Row("R62", "CalliopeDiscovery", "3", f"early {_BEST}", "an answer while the discovery goes on"),
    Row("R70", "Wx2Call", "W", "ICE failed p={n}: {n} candidate pairs tried", "no media node answered"),
    Row(
        "R71",
        "Wx2Call",
        "3",
        "rate adapt p={n} video {from} -> {to} bit/s loss={n}%",
        "video is kept to what the path can carry, or may grow again",
    ),
    Row("R73", "Wx2Call", "I", "media path p={n} {transport}", "a media node answered over it: udp, tcp or xTls"),
    Row(
        "R81",
        "Wx2",
        "W",
        "calendar event with id='{id}' not available: {status}",
        "the meeting of a notice could not be had",
    ),
    Row("R82", "Wx2", "3", "calendar catch-up: {n} event(s)", ""),
    Row(
        "R83",
        "Wx2",
        "3",
        "Failed to decrypt title for calendar event with id='{id}'",
        "there is no key for it, or not yet",
    ),
    Row("R84", "Wx2", "3", "KMS channel open until {time}", "the first sealed text, and when the channel before ended"),
    Row("R85", "Wx2", "W", "KMS not available: {reason}", "titles stay empty for now, and are tried again"),
    Row("R86", "Wx2", "W", "KMS refused a key: {status}", "no title of its meeting for now"),
    Row("R87", "Wx2", "W", "KMS message ignored: {error}", "it cannot be read, or nobody waits for it"),
    Row("", "Wx2", "W", "calendar event with id='{id}' dropped: {n} are stored", "the store is full"),
    Row("", "Wx2", "W", "calendar event ignored: {why}", "an event broke a rule"),
    Row("", "Wx2", "W", "calendar answer not understood: {why}", ""),
    Row("R94", "Wx2", "W", "{service} unreachable: {reason}", ""),
    Row("", "MainEvents", "W", "booking dropped: {why}", "there are as many as there may be"),
    Row("", "MainEvents", "W", "Bookings {event}: {cause}", "a booking, an edit or an extension was refused"),
    Row(
        "",
        "MainEvents",
        "W",
        "Meeting {id} could not be given up: {cause}",
        "its booking was deleted before it was made",
    ),
    Row("", "MainEvents", "I", "Nobody came for {id}: the room is released", "check-in is on"),
    Row("", "MainEvents", "W", "Room not released from {id}: {why}", "the calendar did not agree"),
    Row(
        "", "MainEvents", "W", "Join of {id} failed: join fields unreadable", "somebody pressed Join, or it was time to"
    ),
    Row("", "MainEvents", "W", "Automatic join of {id} skipped: a call is active", ""),
    Row("", "MainEvents", "I", "Dialling {number} ({protocol}){booking} ({by})", "a call is made, or would be"),
    Row("", "MainEvents", "W", "no call: {why}", "a call was refused before it existed"),
    Row("", "MainEvents", "W", "call {id} is not in the history: {why}", "the state cannot be written"),
    Row("", "MainEvents", "W", "call {id} not put on hold: {why}", "another call was answered or made"),
    Row("", "MainEvents", "W", "call {id} not {muted}: {why}", "the cloud did not take it"),
    Row("", "MainEvents", "W", "call {id}: no floor: {why}", "a presentation was not granted"),
    Row("", "MainEvents", "W", "call {id}: floor not given back: {why}", ""),
    Row("", "MainEvents", "W", "call {id}: layout {name} not taken: {why}", ""),
    Row("", "Wx2", "W", "GDS is {state}: {message}", "the health service says that something is wrong"),
    Row("", "Wx2", "W", "feature toggle ignored: {why}", ""),
    Row("", "MainEvents", "I", "factory reset, keeping {groups}", ""),
    Row("", "MainEvents", "I", "logs sent: {id}", ""),
    Row("", "Xapi", "W", "ssh session of {user} from {address} dropped: {why}", "a client that does not read"),
    Row("", "MainEvents", "E", "door not opened: {reason}", "a setting wanted a door open whose address is in use"),
    Row("", "MainEvents", "E", "{action} failed: {why}", "a restart or a reset did not come to its end"),
    Row("", "Xapi", "I", "{path} set by {user} from {origin}", "somebody set a configuration"),
    Row(
        "R95",
        "MainEvents",
        "I",
        "local login refused for '{user}': device is locked down",
        "Harden switched the user off",
    ),
    Row("", "MainEvents", "I", "local login refused for '{user}': {why}", "of local users only"),
    Row("", "MainEvents", "W", "user '{user}' locked out for {n} minute(s) after {n} failed login(s)", ""),
    Row("", "MainEvents", "I", "user '{user}' {added} by '{user}'", "somebody changed an account"),
    Row("", "MainEvents", "I", "session {n} of '{user}' ended: {why}", "the device ended it, not its client"),
    Row(
        "",
        "Xapi",
        "W",
        "request of the cloud dropped: {n} are running",
        "too many at once; the client is told that nobody answered",
    ),
    Row("", "UserInterface", "W", "extensions not saved: {why}", "the XML of a panel was refused"),
    Row(
        "",
        "Xapi",
        "W",
        "websocket of {user} from {address} dropped: {n} messages wait for it",
        "a client that does not read",
    ),
    Row("", "Xapi", "E", "{command} failed: {error}", "a defect of ours; the client hears of an internal error"),
    Row(
        "",
        "HttpFeedback",
        "W",
        "slot {n} failed: {reason}; silent towards {url} until enabled",
        "what waited in the slot is dropped",
    ),
    Row("", "HttpFeedback", "W", "slot {n} not taken up: {why}", "a kept registration cannot be read any more"),
    Row("", "HttpFeedback", "E", "registrations not written: {reason}", "they hold until the next boot"),
    Row("", "Xapi", "W", "ssh session of {user} from {address} dropped: {why}", "a client that does not read"),
    Row("", "Xapi", "W", "ssh session of {user} from {address} refused: {why}", "as many sessions as there may be"),
    Row("", "Xapi", "W", "websocket of {user} from {address} refused: {why}", "as many sessions as there may be"),
    Row(
        "R90",
        "Wx2",
        "W",
        "Software {version} is below {should, must} version {min}",
        "the cloud recommends a newer version, or wants one",
    ),
    Row("R72", "Wx2", "W", "locus sequence gap, fetching {url}", "news of a call were missed, or came out of order"),
    Row("", "Wx2", "W", "locus not understood: {why}", "call control told something that breaks a rule"),
    Row("", "Wx2", "W", "leaving a call that was left behind: {url}", "the device is in it and knows nothing of it"),
    Row("R91", "Wx2", "W", "Software upgrade failed in phase {phase}", "it is tried again later, three times in all"),
    Row("", "Wx2", "I", "Software upgrade to {version}: {old} -> {new}", "phases of an upgrade"),
)
"""Lines of ours, in the device's style."""

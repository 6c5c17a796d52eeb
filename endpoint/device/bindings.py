"""What the parts' states look like in the status tree.

Source: protocol/xapi-nodes.md 3.1, activation-and-media.md 10.7, 15.2, 15.4.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from endpoint.cloud.mercury_table import State
from endpoint.cloud.reachability import DiscoveryView
from endpoint.cloud.status import Status
from endpoint.device.hidden import is_hidden
from endpoint.runtime.world import World
from endpoint.wire import conventions
from endpoint.wire.calliope import Transport, best_nodes
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.paths import words
from endpoint.xapi.diagnostics import Diagnostics, Level
from endpoint.xapi.tree import Changes, Tree

if TYPE_CHECKING:
    from endpoint.device.device import Device


WEBRTC_PROVIDERS: Final = ("GoogleMeet", "MicrosoftTeams")


class DiscoveryStatus:
    """Show media discovery: `Experimental CalliopeDiscovery` and the media diagnostics."""

    def __init__(self, status: Tree, diagnostics: Diagnostics) -> None:
        self._status = status
        self._diagnostics = diagnostics

    def on_discovery(self, view: DiscoveryView) -> None:
        """Take the state of discovery."""
        root = ("Experimental", "CalliopeDiscovery")
        shown = best_nodes(view.best)
        with self._status.group():
            for index in (1, 2, 3):
                if index not in shown:
                    self._status.remove((*root, "Best", index))
            for index, leaves in shown.items():
                for name, value in leaves.items():
                    self._status.put((*root, "Best", index, name), value)
            self._status.put((*root, "DiscoveryTimeInSec"), view.discovery_time_s)
            self._status.put((*root, "Status"), view.status)
        if view.status == "Completed":
            self._judge(view)

    def _judge(self, view: DiscoveryView) -> None:
        udp, tcp = Transport.UDP in view.best, Transport.TCP in view.best
        transport = "tcp" if tcp else "xtls"
        self._diagnostics.put("TCPMediaFallback", not udp and bool(view.best), {"transport": transport})
        blocked = [
            name for name, works in (("udp", udp), ("tcp", tcp), ("xtls", Transport.XTLS in view.best)) if not works
        ]
        level: Level = "Warning" if view.best else "Error"
        self._diagnostics.put("MediaBlockingDetected", not udp and not tcp, {"transports": ",".join(blocked)}, level)


def show_registration(device: Device) -> None:
    """Show whether the device is registered, and as whom."""
    registration, account = device.registration.device, device.identity.account
    tree = device.status
    with tree.group():
        if registration is None or account is None:
            if account is None:
                tree.put(("Provisioning", "Status"), "NeedConfig")
                tree.put(("Conference", "SelectedCallProtocol"), "Auto")
                tree.put(("Conference", "Multipoint", "Mode"), "Off")
                tree.put(("UserInterface", "ContactInfo", "Name"), "")
                tree.remove(("UserInterface", "ContactInfo", "ContactMethod"))
                tree.remove(("Webex", "DeveloperId"))
                tree.remove(("Webex", "Meetings", "JoinProtocol"))
                tree.remove(("Webex", "Services", "Proximity"))
                tree.put(("Webex", "Meetings", "InstantMeeting", "Availability"), "Unavailable")
                for provider in WEBRTC_PROVIDERS:
                    tree.put(("WebRTC", "Provider", provider, "Availability"), "Unavailable")
                tree.remove(("Conference", "EndToEndEncryption", "InternalIdentity"))
                tree.put(("Conference", "EndToEndEncryption", "Availability"), "Unavailable")
            return
        device_id = account.device_id or registration.url.rpartition("/")[2]
        urn = f"ciscospark://urn:TEAM:us-east-2_a/DEVICE/{device_id}"
        address = conventions.room_address(account.display_name or device.settings.name, account.org_id)
        tree.put(("Webex", "DeveloperId"), base64.b64encode(urn.encode()).decode().rstrip("="))
        tree.put(("Webex", "Meetings", "JoinProtocol"), "Webex")
        tree.put(("Webex", "Meetings", "InstantMeeting", "Availability"), "Available")
        tree.put(("Webex", "Services", "Proximity", "GuestToken"), _guest_token(device))
        for provider in WEBRTC_PROVIDERS:
            tree.put(("WebRTC", "Provider", provider, "Availability"), "Available")
        _show_identity(tree, address)
        tree.put(("Provisioning", "Status"), "Provisioned")
        tree.put(("Conference", "SelectedCallProtocol"), "Spark")
        tree.put(("Conference", "Multipoint", "Mode"), "Spark")
        tree.put(("UserInterface", "ContactInfo", "Name"), account.display_name or device.settings.name)
        tree.put(("UserInterface", "ContactInfo", "ContactMethod", 1, "Number"), address)


def _guest_token(device: Device) -> str:
    """Return three groups of three letters, another one at each boot."""
    draws = device.world.chance.stream("guest token")
    return "-".join("".join(draws.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(3)) for _ in range(3))


def _show_identity(tree: Tree, address: str) -> None:
    """Show the identity for end-to-end encryption as far as one is simulated: no certificates are issued for it."""
    identity = ("Conference", "EndToEndEncryption", "InternalIdentity")
    tree.put((*identity[:2], "Availability"), "Available")
    tree.put((*identity, "Identity"), address.partition("@")[2])
    tree.put((*identity, "Status"), "Valid")
    tree.put((*identity, "Verification"), "WebexVerified")


def show_webex(device: Device, now: Status) -> None:
    """Show Webex Status, and complain when nobody answers."""
    device.status.put(("Webex", "Status"), now.value)
    device.checks.webex(now)
    if now is Status.REGISTERED:
        device.reach.forget()
    else:
        device.reach.judge()
    show_lock(device)
    device.notices.refresh()


def show_mercury(device: Device, now: State) -> bool:
    """Complain while nothing can be pushed; returns whether that is so."""
    is_down = device.reach.notifications(now)
    show_lock(device)
    return is_down


def show_lock(device: Device) -> None:
    """Complain while a hardened device is offline: the cloud is its only administrator, and cannot reach it."""
    if not device.is_hardened or not device.is_activated or device.mercury.is_open:
        device.diagnostics.put("LockDown", False)
    elif device.webex.status is Status.ERROR or device.mercury.state in (State.WAITING, State.REFUSED):
        device.diagnostics.put("LockDown", True)


def show_catalog(device: Device) -> None:
    """Show whether the catalogue has everything that the device needs."""
    missing = device.catalog.missing if device.is_activated else ()
    references = {"status": "ServiceMissing", "service": ",".join(missing)}
    device.diagnostics.put("ProvisioningStatus", bool(missing), references)
    device.checks.side_services.catalog()


def show_changes(status: Tree, world: World) -> None:
    """Write every change of the status tree to the trace; secrets as secrets, URLs without theirs."""

    def write(changes: Changes) -> None:
        for path, value in changes.items():
            shown: object = Secret("status", str(value)) if value is not None and is_hidden(words(path)) else value
            if isinstance(shown, str) and "://" in shown:
                shown = conventions.redact_url(shown)
            world.trace.event(world.who, "xapi.status", data={"path": words(path), "value": shown})

    status.listen((), write)

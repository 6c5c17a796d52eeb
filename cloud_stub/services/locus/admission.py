"""Who may come into a meeting, as what, and who has to wait. Pure.

Source: protocol/cloud-services.md 9.2 (lobby), 9.9 (codes), documented; who is host and the order of the questions are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cloud_stub.platform.errors import CloudError
from cloud_stub.services.locus.state import MODERATOR, PANELIST, Locus
from endpoint.wire.locus import errors
from endpoint.wire.locus.dto import State
from endpoint.wire.locus.requests import JoinRequest
from endpoint.wire.secret import Pin

LOBBY_MAX: Final = 200
"""Who may wait in the lobby of a meeting."""


@dataclass(frozen=True, slots=True)
class MeetingSettings:
    """What a meeting has set.

    Attributes:
        pin: makes a host; whoever joins is asked for it, or whether he is a guest.
        guest_pin: what guests are asked for.
        capacity: how many may be in; 0 = no limit.
        moved_to: key of the meeting that this one has moved to.
        open_for_guests: guests need not wait for a host.
    """

    locked: bool = False
    lobby: bool = False
    pin: Pin | None = None
    guest_pin: Pin | None = None
    capacity: int = 0
    moved_to: str = ""
    open_for_guests: bool = True
    mute_on_entry: bool = False


DEFAULTS: Final = MeetingSettings()


@dataclass(frozen=True, slots=True)
class Admission:
    """How somebody comes in: with which roles, and whether by way of the lobby."""

    roles: tuple[str, ...] = ()
    waits: bool = False


def asks_for_host(request: JoinRequest) -> bool:
    """Tell whether somebody wants to be host, or gives a PIN."""
    return bool(request.pin or request.permission_token or request.moderator or request.role.casefold() == "host")


def admission(
    settings: MeetingSettings,
    locus: Locus,
    request: JoinRequest,
    *,
    is_owner: bool,
    is_in: bool = False,
    host_key: str = "",
) -> Admission:
    """Decide about somebody who wants to join.

    Args:
        is_in: he is there already: this is another device of his, or the same request again.

    Raises:
        CloudError: 423 with the code of what is missing, 403 when it is full.
    """
    if is_in and not asks_for_host(request):
        return Admission()
    role = _role(settings, request, is_owner=is_owner, host_key=host_key)
    is_host = role == MODERATOR
    if is_in:
        return Admission((role,) if role else ())
    if (settings.locked or locus.locked) and not is_host:
        raise CloudError(423, "the meeting is locked", str(errors.LOCKED))
    capacity = settings.capacity or locus.capacity
    if capacity and len(locus.joined) >= capacity and not is_host:
        raise CloudError(403, f"the meeting is full with {capacity}", str(errors.MEETING_FULL))
    has_host = any(one.is_host and one.state is State.JOINED for one in locus.participants)
    waits = not is_host and (settings.lobby or (not settings.open_for_guests and not has_host))
    if waits and sum(one.is_waiting for one in locus.participants) >= LOBBY_MAX:
        raise CloudError(423, "the lobby is full", str(errors.LOBBY_FULL))
    return Admission((role,) if role else (), waits)


def _role(settings: MeetingSettings, request: JoinRequest, *, is_owner: bool, host_key: str) -> str:
    """Return the role that a request comes with; CloudError 423 asks for a PIN, or again."""
    if is_owner:
        return MODERATOR
    wants = request.role.casefold()
    given = request.pin or request.permission_token
    is_for_host = request.moderator is True or wants == "host"
    host_pins = [pin for pin in (settings.pin, Pin(host_key) if host_key else None) if pin is not None]
    asks = _asks(settings)
    if is_for_host:
        if given is not None and given in host_pins:
            return MODERATOR
        raise asks
    if settings.pin is None and settings.guest_pin is None:
        return PANELIST if wants == "panelist" else MODERATOR if given is not None and given in host_pins else ""
    if given is not None:
        if given in host_pins:
            return MODERATOR
        if settings.guest_pin is not None and given == settings.guest_pin:
            return PANELIST if wants == "panelist" else ""
        raise asks
    if settings.guest_pin is None and (request.moderator is False or wants == "guest"):
        return ""
    raise asks


def _asks(settings: MeetingSettings) -> CloudError:
    if settings.guest_pin is None:
        return CloudError(423, "the host's PIN is needed, or to join as guest", str(errors.PIN_NEEDED))
    return CloudError(423, "the PIN of the host or of guests is needed", str(errors.GUEST_PIN_NEEDED))

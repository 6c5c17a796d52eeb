"""The banners of the device: what people read before they sign in on the web, and after they have over SSH.

Source: protocol/xapi-nodes.md; the commands are documented, the bound is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

import msgspec

from endpoint.room.keeping import content, keep
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields

BANNER_BYTES_MAX: Final = 4 * 1024


class SavedBanners(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The banners as they are kept; `""` for none."""

    sign_in: str = ""
    welcome: str = ""


class Banners:
    """Keeps the banners; `now` is what the doors show.

    Args:
        store: keeps them over a restart; StorageError when it cannot.
        saved: what it was given last.
    """

    __slots__ = ("_store", "now")

    def __init__(self, store: Callable[[SavedBanners], object], saved: SavedBanners = SavedBanners()) -> None:
        self._store = store
        self.now = saved

    def set_sign_in(self, call: Invocation) -> None:
        """Set the banner of the web sign-in."""
        self._keep(msgspec.structs.replace(self.now, sign_in=_banner(call)))

    def set_welcome(self, call: Invocation) -> None:
        """Set the banner of the SSH greeting."""
        self._keep(msgspec.structs.replace(self.now, welcome=_banner(call)))

    def get_sign_in(self, call: Invocation) -> Fields:
        """Return the banner of the web sign-in."""
        return {"Text": self.now.sign_in}

    def get_welcome(self, call: Invocation) -> Fields:
        """Return the banner of the SSH greeting."""
        return {"Text": self.now.welcome}

    def clear_sign_in(self, call: Invocation) -> None:
        """Drop the banner of the web sign-in."""
        self._keep(msgspec.structs.replace(self.now, sign_in=""))

    def clear_welcome(self, call: Invocation) -> None:
        """Drop the banner of the SSH greeting."""
        self._keep(msgspec.structs.replace(self.now, welcome=""))

    def _keep(self, banners: SavedBanners) -> None:
        keep(self._store, banners)
        self.now = banners

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "SystemUnit SignInBanner Clear": clear_sign_in,
        "SystemUnit SignInBanner Get": get_sign_in,
        "SystemUnit SignInBanner Set": set_sign_in,
        "SystemUnit WelcomeBanner Clear": clear_welcome,
        "SystemUnit WelcomeBanner Get": get_welcome,
        "SystemUnit WelcomeBanner Set": set_welcome,
    }


def _banner(call: Invocation) -> str:
    """Return the text of a banner; what a terminal would obey instead of print is taken out."""
    text = content(call, BANNER_BYTES_MAX)
    if not text.strip():
        raise CommandFailed("Give the text as multi-line content; Clear drops the banner")
    return "".join(character for character in text if character.isprintable() or character in "\n\t")

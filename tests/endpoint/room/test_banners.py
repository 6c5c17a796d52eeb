"""The banners of the device. Source: protocol/xapi-nodes.md."""

from __future__ import annotations

import pytest
from touching import Touched

from endpoint.room.banners import BANNER_BYTES_MAX, Banners, SavedBanners

KINDS = ("SignInBanner", "WelcomeBanner")


class Door(Touched):
    def __init__(self, saved: SavedBanners = SavedBanners()) -> None:
        super().__init__()
        self.banners = Banners(self.store, saved)
        self.own(self.banners)


@pytest.mark.parametrize("kind", KINDS)
def test_a_banner_is_set_shown_and_cleared(kind: str) -> None:
    door = Door()
    assert door.call(f"SystemUnit {kind} Get") == {"Text": ""}
    door.call(f"SystemUnit {kind} Set", "Velkommen på besøk\nBare for ansatte")
    other = next(name for name in KINDS if name != kind)
    assert door.call(f"SystemUnit {kind} Get") == {"Text": "Velkommen på besøk\nBare for ansatte"}
    assert door.call(f"SystemUnit {other} Get") == {"Text": ""}
    again = Door(door.kept[-1])
    assert again.call(f"SystemUnit {kind} Get") == door.call(f"SystemUnit {kind} Get")
    door.call(f"SystemUnit {kind} Clear")
    assert (door.call(f"SystemUnit {kind} Get"), door.kept[-1]) == ({"Text": ""}, SavedBanners())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "Give the text as multi-line content; Clear drops the banner"),
        (" \n", "Give the text as multi-line content; Clear drops the banner"),
        ("x" * (BANNER_BYTES_MAX + 1), "The content has 4097 bytes; at most 4096 are taken"),
    ],
)
def test_what_is_no_banner(kind: str, body: str | None, reason: str) -> None:
    assert Door().refused(f"SystemUnit {kind} Set", body) == reason


def test_a_banner_cannot_drive_a_terminal() -> None:
    door = Door()
    door.call("SystemUnit WelcomeBanner Set", "a\x1b[2Jb\r\n\tc\x07")
    assert door.banners.now.welcome == "a[2Jb\n\tc"


def test_a_full_disk_changes_nothing() -> None:
    door = Door(SavedBanners(welcome="old"))
    door.is_disk_full = True
    assert "No space left" in door.refused("SystemUnit WelcomeBanner Set", "new")
    assert "No space left" in door.refused("SystemUnit WelcomeBanner Clear")
    assert door.banners.now.welcome == "old"

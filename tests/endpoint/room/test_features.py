"""What the user interface offers. Source: protocol/xapi-nodes.md 4.27, 5.23."""

from __future__ import annotations

import pytest
from touching import Touched

from endpoint.room.features import FEATURES, START, Features
from endpoint.wire.xapi.errors import BadArguments

ROOT = "UserInterface Features"
COLOR = ("UserInterface", "LedControl", "Color")


def _room(**configured: str) -> tuple[Touched, Features]:
    touched = Touched(START)
    for name, value in configured.items():
        touched.set(f"{ROOT} {name.replace('_', ' ')}", value)
    features = Features(touched.room)
    touched.own(features)
    return touched, features


def _hidden(touched: Touched) -> set[str]:
    return {name for name, value in touched.below(ROOT).items() if value == "Hidden"}


def test_a_device_with_the_default_configuration_changes_nothing_at_boot() -> None:
    touched, _ = _room()
    assert (touched.changes, _hidden(touched)) == ([], {"Call JoinZoom"})


def test_what_was_hidden_before_the_restart_is_hidden_after_it() -> None:
    touched, _ = _room(Call_JoinWebex="Hidden", Call_JoinZoom="Auto")
    assert _hidden(touched) == {"Call JoinWebex"}


def test_a_configuration_hides_its_feature_and_hide_all_hides_every_one_in_one_group() -> None:
    touched, _ = _room()
    touched.set(f"{ROOT} Call JoinZoom", "Auto")
    touched.set(f"{ROOT} Call JoinWebex", "Hidden")
    assert _hidden(touched) == {"Call JoinWebex"}
    touched.changes.clear()
    touched.set(f"{ROOT} HideAll", "True")
    assert (len(_hidden(touched)), len(touched.changes)) == (len(FEATURES), 1)
    touched.set(f"{ROOT} HideAll", "False")
    assert _hidden(touched) == {"Call JoinWebex"}


def test_the_light_bar() -> None:
    touched, features = _room()
    features.in_use(True)
    assert touched.status.get(COLOR) == "Red"
    touched.call("UserInterface LedControl Color Set", Color="turquoise")
    assert touched.status.get(COLOR) == "Turquoise"
    features.in_use(False)
    assert touched.status.get(COLOR) == "Green"
    with pytest.raises(BadArguments):
        touched.call("UserInterface LedControl Color Set", Color="Grey")


def test_a_web_view_comes_and_goes_in_one_group_each() -> None:
    touched, features = _room()
    features.show_web_view("https://signage.test/")
    assert touched.below("UserInterface WebView 1") == {
        "Status": "Visible",
        "Type": "WebApp",
        "URL": "https://signage.test/",
    }
    features.clear_web_view()
    assert touched.below("UserInterface WebView 1") == {"Status": "NotVisible", "Type": "None", "URL": ""}
    assert len(touched.changes) == 2

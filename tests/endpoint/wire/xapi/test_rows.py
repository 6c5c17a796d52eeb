"""Commands, events and elements of the node table. Source: protocol/xapi-nodes.md sections 5 to 7, protocol/xapi.md 2.9, 4.5."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi import nodes as nodes_module
from endpoint.wire.xapi.nodes import (
    BRANCHES,
    LABELS,
    ROLES,
    Argument,
    Branch,
    Command,
    EventNode,
    Field,
    Node,
    Nodes,
    ValueSpace,
    nodes,
)
from endpoint.wire.xapi.paths import Path, parse_path
from endpoint.wire.xapi.rows import read_path
from endpoint.wire.xapi.spaces import zones

MULTILINE = {
    "Bookings Put",
    "Cameras Background Upload",
    "HttpClient Patch",
    "HttpClient Post",
    "HttpClient Put",
    "Macros Macro Save",
    "Security Certificates CA Add",
    "Security Certificates CSR Link",
    "Security Certificates Services Add",
    "SystemUnit SignInBanner Set",
    "SystemUnit WelcomeBanner Set",
    "UserInterface Branding Upload",
    "UserInterface Extensions Icon Upload",
    "UserInterface Extensions Panel Save",
    "UserInterface Extensions Set",
    "UserInterface Translation Override Set",
}
"""The multi-line commands of 26.4.1. Source: protocol/xapi.md 2.9."""


def command(path: str) -> Command:
    found = nodes().command(tuple(path.split(" ")))
    assert found is not None
    return found


def lines(name: str) -> list[str]:
    text = resources.files("endpoint.wire.xapi").joinpath(name).read_text(encoding="utf-8")
    return [line.split("\t")[0] for line in text.splitlines() if not line.startswith("#")]


def test_the_files_are_sorted_and_name_nothing_twice() -> None:
    for name in ("commands.tsv", "events.tsv"):
        paths = lines(name)
        assert paths == sorted(paths)
        assert len({path.casefold() for path in paths}) == len(paths)
    assert len(nodes().commands) == len(lines("commands.tsv")) == 190
    assert len(nodes().events) == len(lines("events.tsv")) == 66


@pytest.mark.parametrize("row", nodes().commands, ids=lambda row: row.path)
def test_every_command_can_be_called_by_somebody_with_arguments_that_make_sense(row: Command) -> None:
    assert parse_path(row.path) == tuple(row.path.split(" "))
    assert set(row.roles) <= set(ROLES)
    assert "A" in row.roles
    assert row.label in LABELS.values()
    assert row.driver
    names = [argument.name for argument in row.arguments]
    assert len({name.casefold() for name in names}) == len(names)
    required = [argument.required for argument in row.arguments]
    assert required == sorted(required, reverse=True)
    for argument in row.arguments:
        assert argument.many >= 1
        assert row.argument(argument.name.upper()) is argument
        words = argument.space.literals
        assert len({word.casefold() for word in words}) == len(words)
        assert all(word and " " not in word and ";" not in word for word in words)
        assert not (argument.required and argument.default is not None)
        # CallId -1 is the active call, and outside of what a caller may say
        if argument.default is not None and (row.path, argument.name) != ("Call DTMFSend", "CallId"):
            assert str(argument.space.accept(argument.default)) == argument.default


def test_a_command_takes_a_body_where_the_release_has_it_so() -> None:
    present = {row.path for row in nodes().commands}
    assert {row.path for row in nodes().commands if row.multiline} == MULTILINE & present
    assert len(MULTILINE & present) == 10


@pytest.mark.parametrize("row", nodes().events, ids=lambda row: row.path)
def test_every_event_has_a_reader_and_fields_of_known_kinds(row: EventNode) -> None:
    assert parse_path(row.path) == tuple(row.path.split(" "))
    assert set(row.read) <= set(ROLES)
    assert "A" in row.read
    assert row.label in LABELS.values()
    assert row.driver
    names = [field.name for field in row.fields]
    assert len(set(names)) == len(names)
    for field in row.fields:
        assert field.space.kind == "literal" or field.space in (ValueSpace("integer"), ValueSpace("string"))
        assert len(set(field.space.literals)) == len(field.space.literals)


def test_spot_rows_of_commands() -> None:
    volume = command("audio VOLUME set")
    devices = ("Internal", "HeadsetBluetooth", "HeadsetUSB", "HandsetUSB")
    assert (volume.path, volume.roles, volume.label) == ("Audio Volume Set", "AIU", "observed")
    assert volume.arguments == (
        Argument("Level", ValueSpace("integer", low=0, high=100), required=True, default=None),
        Argument("Device", ValueSpace("literal", devices), required=False, default=None),
    )
    assert command("HttpFeedback Register").argument("expression") == Argument(
        "Expression", ValueSpace("string", low=1, high=255), required=False, default=None, many=50
    )
    assert command("Call Join").argument("CallId") == Argument(
        "CallId", ValueSpace("integer", low=0, high=65534), required=False, default=None, many=10
    )
    keep = command("SystemUnit FactoryReset").argument("Keep")
    assert keep is not None
    assert keep.many == 7
    option = command("UserInterface Message Prompt Display").argument("option.5")
    assert option is not None
    assert option.name == "Option.5"
    assert command("Dial").argument("Nonsense") is None
    assert "Y" in command("UserManagement User Passphrase Change").roles


def test_spot_rows_of_events() -> None:
    deleted = nodes().event(("bookings", "DELETED"))
    assert deleted is not None
    fields = {field.name: field for field in deleted.fields}
    assert fields["MeetingId"] == Field("MeetingId", ValueSpace("string"), optional=True)
    assert fields["MinutesFreed"].space == ValueSpace("integer")
    assert fields["Cause"].space.literals[0] == "ManualCheckOut"
    added = nodes().event(("Conference", "ParticipantList", "ParticipantAdded"))
    updated = nodes().event(("Conference", "ParticipantList", "ParticipantUpdated"))
    assert added is not None
    assert updated is not None
    assert added.fields == updated.fields
    assert "Device[n] Id" in {field.name for field in added.fields}
    shutdown = nodes().event(("Shutdown",))
    assert shutdown is not None
    assert shutdown.fields == ()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Dial", "DialResult"),
        ("Audio Volume Set", "VolumeSetResult"),
        ("Standby Deactivate", "StandbyDeactivateResult"),
        ("Bookings List", "BookingsListResult"),
        ("UserInterface Message Alert Display", "AlertDisplayResult"),
        ("Video Input SetMainVideoSource", "InputSetMainVideoSourceResult"),
        ("SystemUnit WelcomeBanner Set", "WelcomeBannerSetResult"),
        ("Conference ParticipantList Search", "ParticipantListSearchResult"),
        ("UserManagement User Add", "UserAddResult"),
    ],
)
def test_the_name_of_a_result_is_the_end_of_the_path(path: str, name: str) -> None:
    assert command(path).result_name == name


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("Audio", "Volume", "Set", "Level"), "Audio Volume Set"),
        (("audio", "volume", "set"), "Audio Volume Set"),
        (("Dial", "Number"), "Dial"),
        (("Audio", "Volume"), None),
        (("Audio", 3), None),
        ((), None),
    ],
)
def test_the_deepest_command_of_a_path(path: Path, found: str | None) -> None:
    deepest = nodes().deepest_command(path)
    assert (deepest.path if deepest else None) == found


@pytest.mark.parametrize(
    ("branch", "prefix", "words"),
    [
        ("Command", ("audio",), ["Microphones", "Select", "Volume"]),
        (
            "Command",
            ("Audio", "Volume"),
            ["Decrease", "Increase", "Mute", "Set", "SetToDefault", "ToggleMute", "Unmute"],
        ),
        ("Command", ("Audio", "Volume", "Set"), []),
        ("Command", ("Nonsense",), []),
        ("Configuration", ("SIP",), ["Proxy", "URI"]),
        ("Configuration", ("SIP", "Proxy", 1), ["Address"]),
        ("Configuration", ("sip", "proxy"), ["Address"]),
        ("Event", ("UserInterface", "Extensions", "Widget"), ["Action", "LayoutUpdated"]),
        ("Status", ("Proximity",), ["PairingCount", "Services"]),
    ],
)
def test_the_words_that_can_follow(branch: Branch, prefix: Path, words: list[str]) -> None:
    assert nodes().children(branch, prefix) == words


@pytest.mark.parametrize("branch", BRANCHES)
def test_every_path_can_be_walked_word_by_word(branch: Branch) -> None:
    assert len(nodes().paths(branch)) > 60
    for text in nodes().paths(branch):
        path: Path = ()
        for word in text.replace("[n]", "").split(" "):
            assert word in nodes().children(branch, path)
            path = (*path, word)


@pytest.mark.parametrize(
    ("path", "instances"),
    [
        ("Audio DefaultVolume", [("Audio", "DefaultVolume")]),
        (
            "Network 1 DNS Server 1 Address",
            [("Network", 1, "DNS", "Server", number, "Address") for number in (1, 2, 3)],
        ),
        ("SIP Proxy 4 Address", [("SIP", "Proxy", number, "Address") for number in (1, 2, 3, 4)]),
    ],
)
def test_the_concrete_paths_of_a_configuration(path: str, instances: list[Path]) -> None:
    leaf = nodes().find("Configuration", parse_path(path))
    assert leaf is not None
    assert leaf.instances() == instances


def test_every_configuration_has_concrete_paths_that_lead_back_to_it_and_a_status_with_any_number_has_none() -> None:
    for leaf in nodes().leaves("Configuration"):
        assert leaf.instances()
        assert all(nodes().find("Configuration", path) is leaf for path in leaf.instances())
    call = nodes().find("Status", ("Call", 3, "Status"))
    assert call is not None
    assert call.instances() == []


def test_only_secrets_are_hidden() -> None:
    hidden = [leaf.path for branch in BRANCHES for leaf in nodes().leaves(branch) if leaf.is_hidden]
    assert hidden == ["NetworkServices HTTP Proxy Password"]


def test_a_table_reads_elements_in_all_notations() -> None:
    assert read_path("A B[n] C[2] D[1..3] E") == ("A B[n] C[n] D[n] E", (None, range(2, 3), range(1, 4)))


def test_what_was_found_is_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes_module, "FOUND_MAX", 3)
    table = Nodes([Node("Status", "Call[n] Status", ValueSpace("string"), "A", "", "ours", "", (None,))])
    for number in range(10):
        assert table.find("Status", ("Call", number, "Status")) is table.find("Status", ("call", number, "STATUS"))
        assert table.find("Status", ("Call", number)) is None
    assert len(table._found) <= 3


@pytest.mark.parametrize(
    ("space", "shown"),
    [
        ("Auto/H323/Sip/Spark", "<Auto/H323/Sip/Spark>"),
        ("0..100", "<0..100>"),
        ("-24..0", "<-24..0>"),
        ("S(0..50)", "<S: 0, 50>"),
        ("int", "<Integer>"),
        ("S", "<String>"),
    ],
)
def test_a_space_is_described_as_the_shell_does(space: str, shown: str) -> None:
    assert ValueSpace.read(space).describe() == shown


def test_zones_and_languages_are_closed_lists() -> None:
    zone = nodes().find("Configuration", ("Time", "Zone"))
    assert zone is not None
    assert zone.space.literals == zones()
    assert len(zones()) == len({name.casefold() for name in zones()}) == 597
    assert zone.space.accept("europe/oslo") == "Europe/Oslo"
    with pytest.raises(LocalProtocolError, match=r"'Mars/Olympus' is none of Africa/Abidjan, .* and 557 more"):
        zone.space.accept("Mars/Olympus")
    languages = nodes().words("Configuration", "UserInterface Language")
    assert languages is not None
    assert len(languages) == 29


@given(st.sampled_from(nodes().commands), st.integers(0, 9))
def test_case_never_matters_for_commands(row: Command, seed: int) -> None:
    letters = "".join(letter.swapcase() if (place + seed) % 3 else letter for place, letter in enumerate(row.path))
    assert nodes().command(tuple(letters.split(" "))) is row

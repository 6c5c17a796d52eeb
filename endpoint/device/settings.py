"""How one device is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final, Literal

from endpoint.cloud.profile import DEFAULT_MODEL, DEFAULT_SOFTWARE
from endpoint.wire.xapi.nodes import Nodes, nodes

AUTO_JOIN_MAX_S: Final = 900


@dataclass(frozen=True, slots=True)
class AutoJoin:
    """Whether the device joins its meetings by itself, and how many seconds before the start; a policy of ours."""

    enabled: bool = False
    lead_s: int = 60


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What a device is and how it behaves, apart from what it learns.

    Attributes:
        name: how trace and scenarios call it: `device:<name>`.
        anchors: built-in trust anchors, PEM.
        secure: first contact over https.
        bring_up: `auto` goes on by itself after activation and at boot; `manual` waits for each step.
        discovery: profile of the media discovery: `fast` or `faithful`.
        catalog_format: `hostmap` or `U2CV2`.
        log_style: how lines of the device log look, of `endpoint.runtime.devicelog.STYLES`.
        log_lines: lines of the device log kept in memory.
        state_dir: where state is kept; None keeps it as long as the process runs.
        state_lasts: the directory outlives the process; without it no write waits for the disk.
        table: the node table of the device, wider than the built-in one when a schema was imported.
        auto_join: whether the device joins its meetings by itself.
        revocation: what a certificate is worth whose status nobody tells: `soft` takes it, `hard` refuses it.
        kms_down_title: what stands for titles that cannot be read: `empty` nothing, `generic` a word.
        imported_succeed: commands of an imported schema answer OK without effect, instead of an error that says so.
    """

    name: str = "room"
    model: str = DEFAULT_MODEL
    software: str = DEFAULT_SOFTWARE
    anchors: tuple[str, ...] = ()
    secure: bool = True
    bring_up: Literal["auto", "manual"] = "auto"
    discovery: str = "fast"
    catalog_format: str = "hostmap"
    log_style: str = "2022"
    log_lines: int = 2_000
    zone: tzinfo = field(default=UTC)
    state_dir: Path | None = None
    state_lasts: bool = True
    configuration: dict[str, str | int] = field(default_factory=dict)
    table: Nodes = field(default_factory=nodes)
    imported_succeed: bool = False
    auto_join: AutoJoin = AutoJoin()
    revocation: Literal["soft", "hard"] = "soft"
    kms_down_title: Literal["empty", "generic"] = "empty"

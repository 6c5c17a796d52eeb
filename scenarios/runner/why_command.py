"""`roomsim why`: ask a device and its cloud what they know of a meeting, and say which link of the chain is broken."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from endpoint.runtime.clock import iso_ms, machine_now, parse_iso
from endpoint.wire.why import judge
from endpoint.wire.why_evidence import CloudEvidence, DeviceAccount, DeviceEvidence
from endpoint.wire.why_report import REPORT_VERSION, Report
from scenarios.runner.exits import Exit, refused
from scenarios.runner.serving import serve
from scenarios.runner.shell.backend import Unusable
from scenarios.runner.shell.doors import Door, DoorRefused, is_loopback
from scenarios.runner.shell.ready import read_ready
from scenarios.runner.values import read_duration
from scenarios.runner.why_text import explain, marks_for, table

MEETINGS_MAX: Final = 200
"""Meetings that are asked about one by one where none is named."""
ANSWER_S_MAX: Final = 15.0
"""How long a side may take to answer: longer than thousands of bookings need, and short for somebody who waits."""
NOTHING_GIVEN: Final = (
    "give the ready file of a device, of its cloud, or better of both: roomsim why room.json cloud.json "
    "(`roomsim endpoint run --ready-file room.json`, `roomsim cloud serve --ready-file cloud.json` write them)"
)
NOT_FOUND: Final = 404
UNAUTHORIZED: Final = 401
_OF_DAY: Final = re.compile(r"(\d{2}):(\d{2})(?::(\d{2}))?Z")


@dataclass(frozen=True, slots=True)
class Pair:
    """What both sides say of one meeting; None of a side that was not asked."""

    cloud: CloudEvidence | None
    device: DeviceEvidence | None


@dataclass(frozen=True, slots=True)
class Targets:
    """The doors that ready files lead to; None where no file of that side was given."""

    device: Door | None
    cloud: Door | None


@dataclass(frozen=True, slots=True)
class WhyCommand:
    """The question as the command line puts it.

    Attributes:
        targets: ready files, of a device, a cloud, or one of each.
        meeting: id or title; empty asks about every meeting of the next 24 hours.
        at: an instant, or a distance from now; empty is now.
        device: which device of the cloud; empty is that of the device's ready file, or the only one.
    """

    targets: Sequence[Path]
    meeting: str = ""
    at: str = ""
    device: str = ""
    as_json: bool = False

    def run(self) -> int:
        """Ask, print, and return the exit code."""
        if not self.targets:
            raise refused(NOTHING_GIVEN)

        async def main() -> int:
            try:
                async with AsyncExitStack() as stack:
                    found = await self._living(await self._open(stack))
                    at = await self._instant(found)
                    pairs = await _Asking(found, self.meeting, self.device, at).pairs()
            except Unusable as error:
                raise refused(str(error)) from None
            except DoorRefused as error:
                expected = f" (expected: {', '.join(error.expected)})" if error.expected else ""
                raise refused(f"{error}{expected}") from None
            return self._tell(pairs, [judge(pair.cloud, pair.device, at) for pair in pairs])

        return serve(main)

    async def _open(self, stack: AsyncExitStack) -> Targets:
        device = cloud = None
        for file in self.targets:
            ready = read_ready(file)
            is_cloud = "org_id" in ready
            if (cloud if is_cloud else device) is not None:
                raise Unusable(
                    f"{file}: one {'cloud' if is_cloud else 'device'} at a time; a file of one was given before"
                )
            url, token = ready.get("control"), ready.get("admin_token" if is_cloud else "control_token")
            if not isinstance(url, str) or not isinstance(token, str):
                raise Unusable(
                    f"{file}: has no control door; `roomsim endpoint run` or `roomsim cloud serve` with --ready-file writes one"
                )
            if not is_cloud and not is_loopback(url):
                raise Unusable(f"{file}: {url} is not on this machine, and the control door of a device always is")
            door = await stack.enter_async_context(_Named(url, token, file))
            device, cloud = (device, door) if is_cloud else (door, cloud)
        if self.device and device is not None:
            raise Unusable(
                f"--device {self.device}: the ready file of a device says already which one; leave either out"
            )
        return Targets(device, cloud)

    async def _living(self, targets: Targets) -> Targets:
        """Leave out the side that does not answer where the other one does: what the living side knows is an answer too."""
        if targets.device is None or targets.cloud is None:
            return targets
        gone = note = ""
        for side, door in (("device", targets.device), ("cloud", targets.cloud)):
            try:
                await door.ask("GET", "/clock")
            except DoorRefused as error:
                if error.status != 0 or gone:
                    raise
                gone, note = side, f"{error}; the {side} is left out"
        if note:
            print(note, file=sys.stderr)
        return Targets(None if gone == "device" else targets.device, None if gone == "cloud" else targets.cloud)

    async def _instant(self, targets: Targets) -> datetime | None:
        """Read `--at`: an instant, a time of this day in UTC, or a distance from now."""
        text = self.at
        if not text:
            return None
        try:
            if text[:1] in "+-":
                seconds = read_duration(text[1:])
                return await _now(targets) + timedelta(seconds=-seconds if text[0] == "-" else seconds)
            of_day = _OF_DAY.fullmatch(text)
            if of_day is not None:
                hour, minute, second = (int(part or 0) for part in of_day.groups())
                return (await _now(targets)).replace(hour=hour, minute=minute, second=second, microsecond=0)
            return parse_iso(text)
        except (ValueError, OverflowError):
            raise Unusable(f"--at {text}: write 2026-03-02T08:55:00Z, 08:55Z, +10m or -1h") from None

    def _tell(self, pairs: Sequence[Pair], reports: Sequence[Report]) -> int:
        code = Exit.NOTHING if not reports else Exit.OK if all(report.is_good for report in reports) else Exit.NO
        if self.as_json:
            print(_json(pairs, reports))
            return code
        console = Console(highlight=False, soft_wrap=True, no_color=None)
        marks = marks_for(sys.stdout.encoding)
        width = min(100, console.width) if console.is_terminal else 80
        if not reports:
            print("no meeting in the next 24 hours; name one with --meeting")
        elif self.meeting and len(reports) == 1:
            _show(console, explain(reports[0], marks, width))
        else:
            _show(console, table(reports, marks, width))
            for report in reports:
                if not report.is_good or report.findings:
                    _show(console, [Text(""), Text("-" * width, style="dim"), *explain(report, marks, width)])
        return code


class _Named(Door):
    """A door whose refusals name the ready file that led to it."""

    def __init__(self, url: str, token: str, file: Path) -> None:
        super().__init__(url, token, ANSWER_S_MAX)
        self._file = file

    async def text(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> str:
        """Ask, and return the body of the answer; where nobody answers or the token is none, say whose file is no good."""
        try:
            return await super().text(method, path, body, query)
        except DoorRefused as error:
            if error.status not in (0, UNAUTHORIZED):
                raise
            raise DoorRefused(f"{self._file}: {error}", error.expected, error.status) from None


def _show(console: Console, lines: Any) -> None:
    for line in lines:
        console.print(line)


def _json(pairs: Sequence[Pair], reports: Sequence[Report]) -> str:
    items = [
        {"report": report, "cloud": pair.cloud, "device": pair.device}
        for pair, report in zip(pairs, reports, strict=True)
    ]
    body = {
        "version": REPORT_VERSION,
        "isGood": bool(items) and all(report.is_good for report in reports),
        "items": items,
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


async def _now(targets: Targets) -> datetime:
    """Return the instant of the run, as the cloud or else the device has it."""
    if targets.cloud is not None:
        return parse_iso((await targets.cloud.ask("GET", "/clock"))["now"])
    if targets.device is not None:
        clock = await targets.device.ask("GET", "/clock")
        return parse_iso(clock["now"]) - timedelta(seconds=clock["skewSeconds"])
    return machine_now().astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks both doors."""

    targets: Targets
    meeting: str
    device: str
    at: datetime | None

    async def pairs(self) -> list[Pair]:
        """Ask about the meeting that is named, or about all of the next 24 hours, by start."""
        user_id = await self._user()
        asks_cloud = self.targets.cloud is not None and user_id is not None
        clouds = {one.meeting_id or "": one for one in await self._cloud(self.meeting, user_id)} if asks_cloud else {}
        known = [key for key, one in clouds.items() if not one.missing]
        devices: dict[str, DeviceEvidence] = {}
        for wanted in [self.meeting] if self.meeting and not known else known or [self.meeting]:
            devices |= {one.meeting_id or "": one for one in await self._device(wanted)}
        if not self.meeting and known:
            devices |= {one.meeting_id or "": one for one in await self._device("")}
        ids = list(dict.fromkeys([*known, *devices])) or list(clouds)
        found = []
        for meeting_id in ids[:MEETINGS_MAX]:
            cloud, device = clouds.get(meeting_id), devices.get(meeting_id)
            if cloud is None and asks_cloud:
                cloud = (await self._cloud(meeting_id, user_id))[0]
            found.append(Pair(cloud, device))
        return sorted(found, key=_start)

    async def _user(self) -> str | None:
        """Return whose meetings the cloud is asked about; None where the device has no account, so that the cloud knows nothing of it."""
        if self.device or self.targets.device is None:
            return self.device
        account = (await self.targets.device.ask("GET", "/status"))["account"]
        return None if account is None else str(account["userId"])

    async def _cloud(self, meeting: str, user_id: str | None) -> list[CloudEvidence]:
        assert self.targets.cloud is not None, "there is a cloud to be asked"
        query = {"meeting": meeting, "device": user_id or "", **self._at()}
        try:
            answer = await self.targets.cloud.ask("GET", "/why", query=query)
        except DoorRefused as error:
            if error.status != NOT_FOUND or self.targets.device is None:
                raise
            gone = DeviceAccount(user_id=user_id, exists=False)
            return [CloudEvidence(meeting_id=meeting, missing=True, account=gone)]
        return [msgspec.convert(item["evidence"], CloudEvidence) for item in answer["items"]]

    async def _device(self, meeting: str) -> list[DeviceEvidence]:
        if self.targets.device is None:
            return []
        answer = await self.targets.device.ask("GET", "/why", query={"meeting": meeting, **self._at()})
        return [msgspec.convert(item["evidence"], DeviceEvidence) for item in answer["items"]]

    def _at(self) -> dict[str, str]:
        return {} if self.at is None else {"at": iso_ms(self.at)}


def _start(pair: Pair) -> tuple[str, str]:
    cloud, device = pair.cloud or CloudEvidence(), pair.device or DeviceEvidence()
    start = next((one.start for one in (cloud.dto, cloud.event, device.meeting) if one is not None and one.start), None)
    sides = [one.meeting_id or "" for one in (pair.cloud, pair.device) if one is not None]
    return ("" if start is None else iso_ms(start)), sides[0]

"""`roomsim replay --serve`: a recorded cloud as a process of its own, for any device."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.net import Net
from endpoint.runtime.tls import Authority
from endpoint.wire.activation.code import parse_code
from scenarios.runner.exits import Exit, refused
from scenarios.runner.recording.cloud import RecordedCloud
from scenarios.runner.recording.media import fleet_of
from scenarios.runner.recording.model import Recording
from scenarios.runner.recording.play import WHO, draw_code
from scenarios.runner.recording.rules import Rules
from scenarios.runner.recording.serve import Doors
from scenarios.runner.serving import Address, Ground, first_ready, for_ever, serve


@dataclass(frozen=True, slots=True)
class ReplayProcess:
    """A recorded cloud as the command line asks for it."""

    recording: Recording
    rules: Rules
    is_strict: bool
    code: str
    https: Address
    http: Address | None
    ready_file: Path | None

    def serve(self) -> int:
        """Serve until a signal comes; return the exit code: 1 if something was asked that is not in the recording."""

        async def main() -> int:
            ground = Ground.real(LoopTime(asyncio.get_running_loop()))
            clock, authority = Clock(ground.source), Authority()
            actor = ground.chance.actor(WHO)
            code = self.code or draw_code(self.recording, actor)
            net = Net(WHO, clock, ground.names, ground.faults)
            fleet = fleet_of(self.recording, net, clock, ground.faults, ground.trace, authority)
            cloud = RecordedCloud(
                self.recording,
                code=parse_code(code),
                clock=clock,
                chance=actor,
                rules=self.rules,
                is_strict=self.is_strict,
                root_pem=authority.pem,
                fleet=fleet,
            )
            doors = Doors(cloud, clock, authority)
            doors.nodes = fleet.names
            try:
                await fleet.start()
                await doors.open(net, ground.names, https=self.https, http=self.http)
            except OSError as error:
                raise refused(f"a door cannot be opened: {error.strerror or error}") from None
            with TemporaryDirectory(prefix="roomsim-ca-") as folder:
                ready = self._ready(doors, Path(folder, "ca.pem"), authority, code)
                first_ready(self.ready_file, ready)
                for key, value in ready.items():
                    print(f"{key:<8}{value}", flush=True)
                for note in cloud.notes:
                    print(f"note    {note}", flush=True)
                try:
                    await for_ever()
                except asyncio.CancelledError:  # somebody ends it: that is when the account is told
                    return self._account(cloud)
                finally:
                    await doors.close()
                    await fleet.stop()
            return Exit.OK

        return serve(main)

    def _ready(self, doors: Doors, ca: Path, authority: Authority, code: str) -> dict[str, Any]:
        ca.write_text(authority.pem, encoding="ascii")
        urls = {scheme: url for scheme in ("https", "http") if (url := doors.url(scheme)) is not None}
        return {**urls, "ca": str(ca), "code": code}

    def _account(self, cloud: RecordedCloud) -> int:
        for rows in cloud.unmatched:
            print("\n".join(rows), flush=True)
        print(f"{cloud.requests} requests, {cloud.unmatched_count} of them not in the recording", flush=True)
        return Exit.NO if cloud.unmatched_count else Exit.OK

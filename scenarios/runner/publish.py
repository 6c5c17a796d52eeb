"""Where a run can be talked to from outside: the ready file of `roomsim run --mode wire --ready-file FILE`.

Its top level is that of `roomsim cloud serve`; beside it are the doors of the devices, and the step that is being played, so that a client
knows when it is its turn. It is there from the first step on and gone when the run is over.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from endpoint.device.doors import Doors
from endpoint.runtime.trace import Event
from scenarios.runner.serving import write_ready
from scenarios.runner.stage import Stage
from scenarios.runner.wholefile import new_name

ADDRESSES: Final = {"ssh": ("127.0.0.1", 0), "https": ("127.0.0.1", 0)}


def make_room(file: Path) -> None:
    """Take away what an earlier run left, and see that the file can be written.

    Raises:
        OSError: it cannot; `filename` is the file.
    """
    trial = new_name(file)
    try:
        trial.touch()
        trial.unlink()
        file.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from None


class Publication:
    """Keeps a ready file true while a scenario is played."""

    def __init__(self, stage: Stage, file: Path) -> None:
        self._stage = stage
        self._file = file
        self._step = 1

    def content(self) -> dict[str, Any]:
        """Return what the ready file says now."""
        devices = {name: device.local_access() for name, device in self._stage.devices.items()}
        return {**self._stage.cloud.ready(), "devices": devices, "step": self._step}

    def write(self) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        write_ready(self._file, self.content())

    def follow(self, event: Event) -> None:
        """Write the file again when a step of the story begins."""
        if event.kind != "step.start" or event.step is None or event.step == self._step:
            return
        self._step = event.step
        try:
            self.write()
        except OSError as error:  # the story goes on; whoever waits for the file will say so
            print(f"{self._file}: cannot be written: {error.strerror}", file=sys.stderr, flush=True)


@asynccontextmanager
async def published(stage: Stage) -> AsyncIterator[None]:
    """Open the doors of the devices and say where they are, as long as the block lasts; without a ready file nothing is opened.

    Raises:
        OSError: a door cannot be opened, or the file not be written.
    """
    file = stage.ready_file
    if file is None:
        yield
        return
    for device in stage.devices.values():
        if device.doors is None:
            device.doors = Doors(ADDRESSES)
            await device.doors.open(device)
    publication = Publication(stage, file)
    publication.write()
    unsubscribe = stage.trace.subscribe(publication.follow)
    try:
        yield
    finally:
        unsubscribe()
        with suppress(OSError):
            file.unlink(missing_ok=True)

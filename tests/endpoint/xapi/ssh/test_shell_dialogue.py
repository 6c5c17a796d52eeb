"""Dialogues over SSH, byte for byte. Source: protocol/xapi.md 4.1 to 4.8."""

from __future__ import annotations

import asyncio

from ssh_room import GREETING, room


def test_the_dialogues_of_terminal_mode() -> None:
    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            await shell.ask("xStatus Audio Volume", "xStatus Audio Volume\n*s Audio Volume: 50\n** end\n\nOK\n\n")

    asyncio.run(run())

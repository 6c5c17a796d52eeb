"""The local doors: opened and shut by settings, kept over restarts, closed to users by lock-down."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncssh
import pytest

from endpoint.device.control_faults import DoorFaults
from endpoint.device.device import Device
from endpoint.device.doors import Doors
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace
from endpoint.wire.xapi.calls import INTERNAL

ANYWHERE = ("127.0.0.1", 0)
PATIENCE_S = 60.0
MODE = "NetworkServices HTTP Mode"
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    f"{'A' * 22}==\r\nContent-Length: 9\r\n"
)

BOOKINGS = """<?xml version="1.0"?>
<Bookings item="1" status="OK"><Booking item="1"><Id item="1">7</Id><Title item="1">Weekly</Title>
  <Organizer item="1"><FirstName item="1">Ann</FirstName><LastName item="1">Example</LastName></Organizer>
  <Time item="1"><StartTime item="1">2030-11-20T18:30:00Z</StartTime><StartTimeBuffer item="1">300</StartTimeBuffer>
    <EndTime item="1">2030-11-20T19:00:00Z</EndTime><EndTimeBuffer item="1">0</EndTimeBuffer></Time>
  <DialInfo item="1"><Calls item="1"><Call item="1"><Number item="1">1@meet.test</Number><Protocol item="1">SIP</Protocol></Call></Calls>
  </DialInfo></Booking></Bookings>
"""


class House:
    """A device with doors on real sockets, and no cloud."""

    def __init__(self, state: Path | None = None, **configuration: str) -> None:
        source = LoopTime(asyncio.get_running_loop())
        clock = Clock(source)
        trace = Trace(clock)
        settings = DeviceSettings(
            state_dir=state, configuration={key.replace("_", " "): v for key, v in configuration.items()}
        )
        self.device = Device(
            settings, source=source, chance=Chance(None), trace=trace, faults=Faults(clock, trace), names=NameTable()
        )
        self.device.doors = self.doors = Doors({"ssh": ANYWHERE, "https": ANYWHERE, "http": ANYWHERE})
        self._changed = asyncio.Event()
        self.doors.on_change = self._changed.set

    @property
    def names(self) -> set[str]:
        """The doors that are open."""
        return set(self.doors.ready()) - {"ws"}

    async def set(self, **settings: str) -> None:
        """Change settings and wait until the doors have followed."""
        self._changed.clear()
        self.device.set_configurations({key.replace("_", " "): value for key, value in settings.items()})
        await asyncio.wait_for(self._changed.wait(), PATIENCE_S)

    @property
    def access(self) -> dict[str, Any]:
        return self.device.local_access()

    async def get(self, scheme: str, path: str = "/getxml?location=/Status/Standby", **how: Any) -> int:
        access = self.access
        headers = {"Authorization": aiohttp.encode_basic_auth(access["username"], access["password"])}
        async with (
            aiohttp.ClientSession() as session,
            session.get(access[scheme] + path, headers=headers, ssl=False, **how) as got,
        ):
            return got.status

    async def push(self, document: str, *, media: str = "text/xml", login: str = "") -> tuple[int, str]:
        """Push a list of bookings, as management systems do."""
        access = self.access
        basic = login or aiohttp.encode_basic_auth(access["username"], access["password"])
        headers = {"Authorization": basic, "Content-Type": media}
        url = access["https"] + "/bookingsputxml"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, headers=headers, ssl=False, data=document.encode()) as got,
        ):
            return got.status, (await got.text()).strip()

    def ssh(self, **how: Any) -> Any:
        host, _, port = self.access["ssh"].rpartition(":")
        credentials = {"username": self.access.get("username", "admin"), "password": self.access.get("password", "x")}
        return asyncssh.connect(
            host, int(port), known_hosts=None, client_keys=None, config=None, **{**credentials, **how}
        )


@asynccontextmanager
async def opened(state: Path | None = None, **configuration: str) -> AsyncIterator[House]:
    house = House(state, **configuration)
    try:
        await house.device.boot()
        yield house
    finally:
        await house.device.close()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(scene(), 3 * PATIENCE_S)

    asyncio.run(bounded())


def test_out_of_the_box_ssh_and_https_are_open_and_http_is_shut() -> None:
    async def scene() -> None:
        async with opened() as house:
            assert house.names == {"ssh", "https"}
            assert house.access["ws"].startswith("wss://")
            assert await house.get("https") == 200
            async with house.ssh() as connection:
                assert "*s Standby State: Off" in (await connection.run("xStatus Standby State")).stdout

    play(scene)


def test_settings_open_and_shut_the_very_servers() -> None:
    async def scene() -> None:
        async with opened() as house:
            await house.set(NetworkServices_HTTP_Mode="HTTP+HTTPS")
            assert house.names == {"ssh", "https", "http"}
            assert await house.get("http") == await house.get("https") == 200
            assert "HTTPSModeSecurity" in house.device.diagnostics.types
            http = house.access["http"]
            await house.set(NetworkServices_HTTP_Mode="Off")
            assert house.names == {"ssh"}
            assert "ws" not in house.access
            with pytest.raises(aiohttp.ClientConnectionError):
                async with aiohttp.ClientSession() as session, session.get(http):
                    pass
            await house.set(NetworkServices_HTTP_Mode="HTTPS", NetworkServices_SSH_Mode="Off")
            assert house.names == {"https"}

    play(scene)


def test_a_door_comes_back_on_its_port() -> None:
    async def scene() -> None:
        async with opened() as house:
            before = house.access
            await house.set(NetworkServices_HTTP_Mode="Off")
            await house.set(NetworkServices_HTTP_Mode="HTTPS")
            assert house.access == before
            await house.device.restart()
            assert house.access == before  # the passphrase too: it is drawn once for a process
            assert await house.get("https") == 200

    play(scene)


def test_the_websocket_can_be_switched_off_alone() -> None:
    async def scene() -> None:
        async with opened() as house:
            house.device.set_configurations({"NetworkServices Websocket": "Off"})
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect(house.access["ws"], ssl=False)
            assert refused.value.status == 404
            assert await house.get("https") == 200

    play(scene)


@pytest.mark.parametrize(
    ("algorithm", "shown"), [("ECDSA", "ecdsa-sha2-nistp384"), ("ed25519", "ssh-ed25519"), ("RSA", "ssh-rsa")]
)
def test_the_host_key_is_of_the_algorithm_that_is_set(algorithm: str, shown: str) -> None:
    async def scene() -> None:
        async with opened(NetworkServices_SSH_HostKeyAlgorithm=algorithm) as house, house.ssh() as connection:
            assert connection.get_server_host_key().get_algorithm() == shown

    play(scene)


def test_keys_and_certificate_are_kept_with_the_state(tmp_path: Path) -> None:
    async def shown() -> tuple[bytes, bytes]:
        async with opened(tmp_path) as house:
            async with house.ssh() as connection:
                key = connection.get_server_host_key().public_data
            return key, await _certificate(house)

    async def scene() -> None:
        assert await shown() == await shown()

    play(scene)


async def _certificate(house: House) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = house.access["https"].removeprefix("https://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return certificate


def test_the_least_tls_version_is_the_one_that_is_set() -> None:
    async def scene() -> None:
        async with opened(NetworkServices_HTTPS_Server_MinimumTLSVersion="TLSv1.3") as house:
            old = ssl.create_default_context()
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(house.access["https"], ssl=old)
            assert await house.get("https") == 200

    play(scene)


def test_an_address_in_use_is_told_and_nothing_else_is_lost() -> None:
    async def scene() -> None:
        with socket.create_server(ANYWHERE) as taken:
            house = House()
            house.device.doors = house.doors = Doors({"ssh": ANYWHERE, "https": taken.getsockname()[:2]})
            with pytest.raises(OSError):
                await house.device.boot()
            await house.device.close()
            assert house.doors.ready() == {}

    play(scene)


def test_a_setting_that_wants_a_door_at_an_address_in_use_is_logged() -> None:
    async def scene() -> None:
        with socket.create_server(ANYWHERE) as taken:
            house = House()
            house.device.doors = house.doors = Doors({"https": ANYWHERE, "http": taken.getsockname()[:2]})
            logged = asyncio.Event()
            house.device.on_log = lambda line: logged.set() if "door not opened" in line else None
            await house.device.boot()
            house.device.set_configurations({MODE: "HTTP+HTTPS"})
            await asyncio.wait_for(logged.wait(), PATIENCE_S)
            assert house.names == {"https"}
            await house.device.close()

    play(scene)


def test_lock_down_hangs_up_on_local_users_and_lets_nobody_in() -> None:
    async def scene() -> None:
        async with opened() as house:
            access = house.access
            async with house.ssh() as connection:
                house.device.local.lock_down()
                await asyncio.wait_for(connection.wait_closed(), PATIENCE_S)
            with pytest.raises(asyncssh.PermissionDenied):
                async with house.ssh(username=access["username"], password=access["password"]):
                    pass
            assert "password" not in house.access
            headers = {"Authorization": aiohttp.encode_basic_auth(access["username"], access["password"])}
            async with (
                aiohttp.ClientSession() as session,
                session.get(access["https"] + "/status.xml", headers=headers, ssl=False) as got,
            ):
                assert got.status == 401

    play(scene)


def test_a_device_that_is_off_has_no_doors() -> None:
    async def scene() -> None:
        async with opened() as house:
            await house.device.shut_down()
            assert house.access == {}
            await house.device.boot()
            assert house.names == {"ssh", "https"}

    play(scene)


class Changing(asyncssh.SSHClient):
    """A person whose passphrase has to be changed: answers prompts in turn, and keeps what was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str] | None:
        self.asked.append(prompt)
        return (OLD, self.answers.pop(0)) if self.answers else None

    def kbdint_auth_requested(self) -> str:
        return ""

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> list[str] | None:
        self.asked.append(instructions or prompts[0][0])
        given = [self.answers.pop(0) for _ in prompts if self.answers]
        return given if len(given) == len(prompts) else None


OLD, NEW = "given by somebody 1", "chosen by myself 2"
TO_CHANGE, TOO_SHORT = "The passphrase has to be changed.", "short"


@pytest.mark.parametrize(
    ("method", "answers", "asked"),
    [
        ("password", [NEW], [TO_CHANGE]),
        ("password", [TOO_SHORT, NEW], [TO_CHANGE, "at least 8"]),
        ("keyboard-interactive", [OLD, NEW, NEW], ["Password: ", TO_CHANGE]),
        ("keyboard-interactive", [OLD, NEW, "other", NEW, NEW], ["Password: ", TO_CHANGE, "not the same"]),
        ("keyboard-interactive", [OLD, TOO_SHORT, TOO_SHORT, NEW, NEW], ["Password: ", TO_CHANGE, "at least 8"]),
    ],
)
def test_a_passphrase_that_has_to_be_changed_is_changed_at_the_login(
    method: str, answers: list[str], asked: list[str]
) -> None:
    async def scene() -> None:
        async with opened() as house:
            await _add(house, "uma")
            client = Changing(*answers)
            how = {"password": OLD} if method == "password" else {"password": None}
            async with house.ssh(
                username="uma", preferred_auth=method, client_factory=lambda: client, **how
            ) as connection:
                assert "Standby State" in (await connection.run("xStatus Standby State")).stdout
            assert len(client.asked) == len(asked)
            assert all(part in shown for part, shown in zip(asked, client.asked, strict=True)), client.asked
            async with house.ssh(username="uma", password=NEW):
                pass
            with pytest.raises(asyncssh.PermissionDenied):
                async with house.ssh(username="uma", password=OLD):
                    pass

    play(scene)


def test_who_breaks_the_change_off_is_asked_for_the_passphrase_again() -> None:
    class Hesitant(Changing):
        def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> list[str] | None:
            if len(self.asked) == 1:
                self.asked.append(instructions)
                return None
            return super().kbdint_challenge_received(name, instructions, lang, prompts)

    async def scene() -> None:
        async with opened() as house:
            await _add(house, "uma")
            client, twice = Hesitant(OLD, OLD, NEW, NEW), ["keyboard-interactive"] * 2
            async with house.ssh(
                username="uma", password=None, preferred_auth=twice, client_factory=lambda: client
            ) as connection:
                assert "Standby State" in (await connection.run("xStatus Standby State")).stdout
            assert client.asked == ["Password: ", TO_CHANGE] * 2

    play(scene)


def test_bookings_are_pushed_to_a_device_that_the_cloud_does_not_manage() -> None:
    async def scene() -> None:
        async with opened(Provisioning_Mode="TMS") as house:
            answer = await house.push(BOOKINGS)
            assert answer == (200, '<?xml version="1.0"?>\n<success />')
            stored = list(house.device.local.bookings.store)
            assert [(one.id, one.title, one.minutes, one.start_buffer_s) for one in stored] == [
                ("7", "Weekly", 30, 300)
            ]
            assert (await house.push("<Bookings/>"))[0] == 200
            assert list(house.device.local.bookings.store) == []

    play(scene)


def test_a_push_is_refused_with_what_would_be_right() -> None:
    async def scene() -> None:
        async with opened() as house:
            await house.push(BOOKINGS)
            status, text = await house.push(BOOKINGS.replace('<Id item="1">7</Id>', ""))
            assert status == 200
            assert 'status="Error"' in text
            assert "missing required field `Id`" in text
            assert await house.push("<Nope/>") == (400, "400 Bad Request\nroot: Bookings, got Nope")
            assert (await house.push("{}"))[0] == 400
            assert (await house.push(BOOKINGS, media="application/json"))[0] == 415
            assert (await house.push(BOOKINGS, login=aiohttp.encode_basic_auth("admin", "wrong")))[0] == 401
            assert [one.id for one in house.device.local.bookings.store] == ["7"]
            house.device.set_configurations({"Provisioning Mode": "Webex"})
            assert (await house.push("<Bookings/>"))[0] == 200, "public clients push to devices of the cloud too"
            assert [one.id for one in house.device.local.bookings.store] == []

    play(scene)


async def _add(house: House, name: str) -> None:
    commands = house.device.xapi.commands
    arguments = {"Username": name, "Passphrase": OLD, "Role": "User", "PassphraseChangeRequired": "True"}
    outcome = commands.call(commands.prepare(("UserManagement", "User", "Add"), arguments, None, INTERNAL))
    assert isinstance(outcome, Awaitable)
    await outcome


def test_clients_that_do_not_let_go_keep_no_device_up() -> None:
    async def mute(house: House, door: str, head: str) -> asyncio.StreamWriter:
        """Connect, say something, and read nothing."""
        access = house.access
        scheme, host, port = (
            access[door].replace("//", "").split(":") if "/" in access[door] else ("", *access[door].split(":"))
        )
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection(host, int(port), ssl=context if scheme == "https" else None)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport that reads
        login = aiohttp.encode_basic_auth(access["username"], access["password"])
        writer.write(f"{head} HTTP/1.1\r\nHost: x\r\nAuthorization: {login}\r\n{UPGRADE}\r\n".encode() if head else b"")
        await writer.drain()
        return writer

    async def scene() -> None:
        async with opened(NetworkServices_HTTP_Mode="HTTP+HTTPS") as house:
            talks = (
                ("GET /ws", "http"),
                ("GET /ws", "https"),
                ("POST /putxml", "http"),
                ("POST /putxml", "https"),
                ("", "ssh"),
            )
            writers = [await mute(house, door, head) for head, door in talks for _ in range(4)]
            async with asyncio.timeout(PATIENCE_S):
                while len(house.device.local.sessions) < 8:  # noqa: ASYNC110  # nobody tells of it
                    await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_S):
                await house.device.shut_down()
            for writer in writers:
                writer.transport.abort()

    play(scene)


def test_the_control_door_cuts_the_lines_of_real_clients() -> None:
    async def scene() -> None:
        async with opened() as house, aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE_S):
            world, access = house.device.world, house.access
            login = {"Authorization": aiohttp.encode_basic_auth(access["username"], access["password"])}
            websocket = await session.ws_connect(access["ws"], ssl=False, headers=login)
            shell = await house.ssh()
            door = DoorFaults(world.faults, world)

            def cut(**target: str) -> bool:
                status, shown = door.start({"on": "client", "do": "drop", "target": target})
                assert status == 200
                return bool(shown["hit"])

            assert not cut(user="nobody")
            assert cut(over="ssh")
            await shell.wait_closed()
            assert not cut(over="ssh")
            await websocket.send_str(
                '{"jsonrpc":"2.0","id":1,"method":"xGet","params":{"Path":["Status","Audio","Volume"]}}'
            )
            assert (await websocket.receive_json())["result"] == 50
            assert cut(user="admin")
            assert (await websocket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
            while len(house.device.local.sessions):  # noqa: ASYNC110  # nobody tells of it
                await asyncio.sleep(0)
            assert await house.get("https") == 200, "who comes now is served"

    play(scene)

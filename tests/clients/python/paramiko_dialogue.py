"""paramiko 5 against the SSH door, as scripts and Ansible's like use it. Source: protocol/xapi.md 4, 14 item 7."""

from __future__ import annotations

import json
import re
import time

import paramiko
from steps import PATIENCE_S, end, equal, ready, refused, step

DEVICE = ready("DEVICE")
HOST, PORT = DEVICE["ssh"].split(":")
LOGIN = DEVICE["username"], DEVICE["password"]
BRANCHES = (
    "Audio",
    "Video",
    "Conference",
    "Call",
    "Standby",
    "SystemUnit",
    "Network",
    "UserInterface",
    "RoomAnalytics",
    "Cameras",
)
REGISTERED = 40


def connected(name: str = LOGIN[0], passphrase: str = LOGIN[1]) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(HOST, int(PORT), name, passphrase, look_for_keys=False, allow_agent=False, timeout=PATIENCE_S)
    return client


def run(client: paramiko.SSHClient, line: str) -> tuple[str, int]:
    _, out, _ = client.exec_command(line, timeout=PATIENCE_S)
    text = out.read().decode()
    return text, out.channel.recv_exit_status()


class Shell:
    """A shell without a terminal."""

    def __init__(self, client: paramiko.SSHClient, *, terminal: bool = False) -> None:
        self.channel = client.get_transport().open_session()
        self.channel.settimeout(PATIENCE_S)
        if terminal:
            self.channel.get_pty()
        self.channel.invoke_shell()
        self.seen = ""

    def until(self, pattern: str) -> str:
        while (found := re.search(pattern, self.seen, re.DOTALL | re.MULTILINE)) is None:
            try:
                part = self.channel.recv(65536)
            except TimeoutError:
                part = b""
            if not part:
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
            self.seen += part.decode()
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    def ask(self, line: str, pattern: str = r"^OK\n\n") -> str:
        self.channel.send(f"{line}\n".encode())
        return self.until(pattern)

    def tree(self) -> dict[str, object]:
        return json.loads(self.until(r"^\}\n"))


def main() -> None:
    with step("a wrong passphrase"):
        error = refused(paramiko.AuthenticationException, lambda: connected(passphrase="wrong"))
        equal(str(error), "Authentication failed.")
    client = connected()
    with step("the host key is RSA, as the settings say"):
        equal(client.get_transport().get_remote_server_key().get_name(), "ssh-rsa")
    with step("exec"):
        equal(run(client, "xStatus Audio Volume"), ("*s Audio Volume: 50\n** end\n\nOK\n\n", 0))
        text, code = run(client, "xStatus Nope")
        equal((text.splitlines()[-2], code), ("ERROR", 1))
    with step("a shell"):
        shell = Shell(client)
        greeting = shell.until(r"^OK\n\n")
        equal("\r" in greeting, False)
        equal(greeting.splitlines()[-3:], ["*r Login successful", "OK", ""])
        equal(shell.ask("echo off"), "echo off\n\nOK\n\n")
    with step("40 overlapping registrations, and the list of them"):
        wanted = [f"/Status/{branch}" for branch in BRANCHES]
        wanted += [f"/Status/{branch}/Nothing{number}" for branch in BRANCHES for number in range(2)]
        wanted += ["/Event", "/Event/UserInterface", "/Event/CallDisconnect", "/Configuration/Audio", "/Configuration",
                   "/Status/Audio/Volume",
                   "/Status/Video/Input/Connector[3]", "/Status/Audio/Microphones", "/Status/Call[1]/Status", "/Status"]  # fmt: skip
        equal(len(wanted), REGISTERED)
        for expression in wanted:
            equal(shell.ask(f"xFeedback Register {expression}"), "** end\n\nOK\n\n")
        shell.ask(f"xFeedback Register {wanted[0]}")  # the same again is no new one
        listed = shell.ask("xFeedback List")
        equal(listed.splitlines(), [*wanted, "** end", "", "OK", ""])
    with step("one change is told once, however many cover it; an event too"):
        shell.ask("xCommand Audio Volume Set Level: 44")
        told = shell.until(r"\*s Audio Volume: 44\n.*?\*\* end\n")
        equal(told.count("*s Audio Volume: 44"), 1)
        shell.ask("xCommand UserInterface Message Prompt Display Text: Sure? Option.1: Yes Option.2: No FeedbackId: f")
        shell.ask("xCommand UserInterface Message Prompt Response OptionId: 2 FeedbackId: f")
        told = shell.until(r"\*e UserInterface Message Prompt Response OptionId: 2\n\*\* end\n")
        equal('*e UserInterface Message Prompt Response FeedbackId: "f"\n' in told, True)
        shell.ask("xConfiguration Audio DefaultVolume: 51")
        shell.until(r"\*c xConfiguration Audio DefaultVolume: 51\n\*\* end\n")
    with step("after DeregisterAll nothing is told"):
        shell.ask("xFeedback DeregisterAll")
        equal(shell.ask("xFeedback List"), "** end\n\nOK\n\n")
        shell.ask("xConfiguration Audio DefaultVolume: 50")
        shell.ask("xCommand Audio Volume Set Level: 50")
        equal("Volume: 50" in shell.ask("echo off"), False)
    with step("more than 50 are refused"):
        for number in range(50):
            shell.ask(f"xFeedback Register /Status/Audio/X{number}")
        shell.channel.send(b"xFeedback Register /Status/Audio/One\n")
        equal("*r Result (status=Error):" in shell.until(r"^ERROR\n\n|^OK\n\n"), True)
        shell.ask("xFeedback DeregisterAll")
    with step("JSON, several lines at once"):
        shell.channel.send(b"xPreferences OutputMode json\nxFeedback Register /Status/Audio/Volume | resultId=\"1\"\n"
                           b"xCommand Audio Volume Set Level: 45 | resultId=\"2\"\nxStatus Nope | resultId=\"3\"\n")  # fmt: skip
        equal(shell.tree(), {"ResultId": "1"})
        equal(shell.tree(), {"CommandResponse": {"VolumeSetResult": {"status": "OK"}}, "ResultId": "2"})
        equal(shell.tree(), {"Status": {"Audio": {"Volume": {"Value": "45"}}}})
        wrong = {
            "status": "Error",
            "Reason": {"Value": "No match on address expression"},
            "XPath": {"Value": "Status/Nope"},
        }
        equal(shell.tree(), {"CommandResponse": {"Status": wrong}, "ResultId": "3"})
        shell.channel.send(b'xCommand Audio Volume Set Level: 50 | resultId="4"\n')
        equal(shell.tree()["ResultId"], "4")
    with step("XML"):
        shell.channel.send(b'xPreferences OutputMode xml | resultId="5"\nxStatus Audio Volume | resultId="6"\n')
        shell.until(r'<XmlDoc resultId="6">')
        equal("<Volume>50</Volume>" in shell.until("</XmlDoc>"), True)
    with step("bye"):
        shell.channel.send(b"bye\n")
        equal(shell.channel.recv_exit_status(), 0)
    with step("a terminal"):
        shell = Shell(client, terminal=True)
        equal("\r\nOK\r\n" in shell.until(r"OK\r\n"), True)
        shell.channel.send(b"xStatus Audio Volume\r")
        shell.until(r"\*s Audio Volume: 50\r\n\*\* end\r\n\r\nOK\r\n")
        shell.channel.close()
    with step("binary junk"):
        shell = Shell(client)
        shell.until(r"^OK\n\n")
        shell.channel.send(bytes(range(256)) * 8 + b"\n\n")
        shell.ask("xStatus Audio Volume", r"\*s Audio Volume: 50\n\*\* end\n\nOK\n")
        shell.channel.close()
    with step("roles: what a user may not do"):
        add = "xCommand UserManagement User Add Username: guest Passphrase: guest-guest-1 Role: User"
        equal(run(client, add), ("OK\n\n*r UserAddResult (status=OK):\n** end\n\n", 0))
        with connected("guest", "guest-guest-1") as guest:
            equal(run(guest, "xStatus Audio Volume")[1], 0)
            text, code = run(guest, "xCommand UserManagement User List")
            equal(('Reason: "Access denied"' in text, code), (True, 1))
            text, code = run(guest, "xConfiguration SystemUnit Name: x")
            equal(('Reason: "Access denied"' in text, code), (True, 1))
    with step("a lock-out after five failed logins, for that user only"):
        for _ in range(5):
            refused(paramiko.AuthenticationException, lambda: connected("guest", "wrong"))
        refused(paramiko.AuthenticationException, lambda: connected("guest", "guest-guest-1"))
        connected().close()
        run(client, "xCommand UserManagement User Unblock Username: guest")
        connected("guest", "guest-guest-1").close()
    with step("a user that goes takes its sessions along"):
        guest = connected("guest", "guest-guest-1")
        equal(run(client, "xCommand UserManagement User Delete Username: guest")[1], 0)
        transport, gives_up_s = guest.get_transport(), time.monotonic() + PATIENCE_S  # noqa: TID251  a client has its own time
        while transport.is_active() and time.monotonic() < gives_up_s:  # noqa: TID251
            transport.join(0.05)
        equal(transport.is_active(), False)
        refused(paramiko.AuthenticationException, lambda: connected("guest", "guest-guest-1"))
    client.close()


main()
end()

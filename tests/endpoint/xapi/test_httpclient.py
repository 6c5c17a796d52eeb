"""The HttpClient commands: what a macro may ask for, and what it is told."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.faults import Fault
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.virtual import run
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.xapi.httpclient import HttpClient
from endpoint.xapi.outgoing import Outgoing
from tests.endpoint.runtime.ground import AUTHORITY
from tests.endpoint.xapi.ground import XapiGround
from tests.endpoint.xapi.receiver import HOST, Receiver


class Client:
    """The HttpClient of a device, and a server."""

    def __init__(self, ground: XapiGround, receiver: Receiver) -> None:
        self.ground = ground
        self.receiver = receiver
        self.outgoing = Outgoing(ground.world, lambda: TlsClient((AUTHORITY.pem,)))
        ground.commands.provide([HttpClient(ground.configuration, self.outgoing.send)])
        ground.configure("HttpClient Mode", "On")

    async def ask(self, method: str = "Get", body: str = "", **arguments: Any) -> dict[Any, Any]:
        """Call a command; returns its leaves."""
        given = {"Url": self.receiver.url, **arguments}
        return dict(await self.ground.call(f"HttpClient {method}", body=body, **given))

    async def refused(self, **arguments: Any) -> CommandFailed:
        """Return why a command failed."""
        with pytest.raises(CommandFailed) as failed:
            await self.ask(**arguments)
        return failed.value


def play(story: Callable[[Client], Awaitable[None]], *, tls: bool = False) -> None:
    """Play a story on a virtual loop."""

    async def main() -> None:
        ground = XapiGround()
        async with Receiver(ground, AUTHORITY.server_context([HOST]) if tls else None) as receiver:
            await story(Client(ground, receiver))
        assert not ground.failures

    run(main)


def test_an_answer_is_shown_with_status_headers_and_body() -> None:
    async def story(client: Client) -> None:
        client.receiver.text, client.receiver.headers = "grüß", {"Content-Type": "text/plain", "X-Thing": "1"}
        shown = await client.ask(Header=["X-Key: one", "Accept: text/plain", ""])
        assert shown["StatusCode",] == 200
        assert shown["Body",] == "grüß"
        headers = {shown["Headers", n, "Key"]: shown["Headers", n, "Value"] for n in range(1, len(shown) // 2)}
        assert headers["X-Thing"] == "1"
        assert {type(value) for value in shown.values()} == {str, int}  # what every door can print
        (heard,) = client.receiver.heard
        assert (heard.method, heard.headers["X-Key"], heard.headers["Accept"]) == ("GET", "one", "text/plain")
        assert "User-Agent" not in heard.headers

    play(story)


@pytest.mark.parametrize(("form", "body"), [("None", None), ("PlainText", "\ufffdok"), ("Base64", "/29r")])
def test_the_body_comes_in_the_form_that_was_asked_for(form: str, body: str | None) -> None:
    async def story(client: Client) -> None:
        client.receiver.text = b"\xffok"
        assert (await client.ask(ResultBody=form)).get(("Body",)) == body
        if body and form == "Base64":
            assert base64.b64decode(body) == b"\xffok"

    play(story)


@pytest.mark.parametrize("method", ["Post", "Put", "Patch", "Delete"])
def test_the_other_methods_send_their_body_and_keep_the_answer_to_themselves(method: str) -> None:
    async def story(client: Client) -> None:
        client.receiver.text = "ignored"
        body = "" if method == "Delete" else '{"a": "ü"}'
        shown = await client.ask(method, body, Header="Content-Type: application/json")
        assert ("Body",) not in shown
        (heard,) = client.receiver.heard
        assert (heard.method, heard.body.decode()) == (method.upper(), body)
        assert heard.headers["Content-Type"] == "application/json"

    play(story)


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_status_that_is_no_success_is_an_error_that_holds_the_answer(status: int) -> None:
    async def story(client: Client) -> None:
        client.receiver.status, client.receiver.text = status, "no such thing"
        client.receiver.headers = {"Location": "http://room.test/elsewhere"}
        failed = await client.refused()
        assert str(failed) == "Command returned an error."
        assert failed.fields["StatusCode"] == status
        assert failed.fields["Body"] == "no such thing"
        assert {"Key": "Location", "Value": "http://room.test/elsewhere"} in failed.fields["Headers"]
        assert len(client.receiver.heard) == 1

    play(story)


@pytest.mark.parametrize(
    ("settings", "arguments", "text"),
    [
        ({"Mode": "Off"}, {}, "Use of HttpClient disabled"),
        ({"Mode": "Off"}, {"Url": "no url at all"}, "Use of HttpClient disabled"),
        ({"AllowHTTP": "False"}, {}, "HTTP protocol is not allowed"),
        ({}, {"AllowInsecureHTTPS": "True"}, "Insecure HTTPS not allowed"),
        ({}, {"Url": "no url at all"}, "Invalid URL specified"),
        ({}, {"Url": "ftp://room.test/"}, "Invalid URL specified"),
        ({}, {"Url": "https:///path"}, "Invalid URL specified"),
        ({}, {"Url": "http://room.test:0/"}, "Invalid URL specified"),
        ({}, {"Url": "http://nobody.test/"}, "could not resolve nobody.test"),
        ({}, {"Url": "http://203.0.113.9/"}, "could not resolve 203.0.113.9"),
        ({}, {"Url": "http://127.0.0.1:9/"}, "connection refused 127.0.0.1:9"),
    ],
)
def test_what_is_not_allowed_or_not_there_is_said(
    settings: dict[str, str], arguments: dict[str, str], text: str
) -> None:
    async def story(client: Client) -> None:
        for name, value in settings.items():
            client.ground.configure(f"HttpClient {name}", value)
        assert str(await client.refused(**arguments)) == text
        assert not client.receiver.heard

    play(story)


def test_https_without_a_good_certificate_needs_both_permissions() -> None:
    async def story(client: Client) -> None:
        assert (await client.ask())["StatusCode",] == 200
        client.outgoing._anchors = lambda: TlsClient(())
        assert "unknown issuer" in str(await client.refused())
        client.ground.configure("HttpClient AllowInsecureHTTPS", "True")
        assert "unknown issuer" in str(await client.refused())
        assert (await client.ask(AllowInsecureHTTPS="True"))["StatusCode",] == 200
        client.ground.configure("HttpClient AllowHTTP", "False")
        assert (await client.ask(AllowInsecureHTTPS="True"))["StatusCode",] == 200

    play(story, tls=True)


def test_a_fourth_request_at_once_finds_no_connection() -> None:
    async def story(client: Client) -> None:
        client.receiver.late_s = 5
        first = [asyncio.ensure_future(client.ask()) for _ in range(3)]
        await client.ground.clock.sleep(1)
        assert str(await client.refused()) == "No available http connections"
        for shown in await asyncio.gather(*first):
            assert shown["StatusCode",] == 200
        assert (await client.ask())["StatusCode",] == 200

    play(story)


@pytest.mark.parametrize(
    ("timeout", "late_s", "answers"), [(1, 0.9, True), (1, 1.1, False), (30, 29, True), (30, 31, False)]
)
def test_a_request_takes_no_longer_than_it_may(timeout: int, late_s: float, answers: bool) -> None:
    async def story(client: Client) -> None:
        client.receiver.late_s = late_s
        if answers:
            await client.ask(Timeout=timeout)
        else:
            assert str(await client.refused(Timeout=timeout)) == f"timeout after {timeout} s"
            assert client.ground.clock.time() == pytest.approx(timeout)

    play(story)


@pytest.mark.parametrize(
    ("size", "limit", "fits"), [(10, 10, True), (11, 10, False), (1_048_576, None, True), (1_048_577, None, False)]
)
def test_an_answer_is_no_longer_than_it_may(size: int, limit: int | None, fits: bool) -> None:
    async def story(client: Client) -> None:
        client.receiver.text = b"x" * size
        arguments = {} if limit is None else {"ResponseSizeLimit": limit}
        if fits:
            assert len((await client.ask(**arguments))["Body",]) == size
        else:
            assert "ResponseSizeLimit" in str(await client.refused(**arguments))

    play(story)


@pytest.mark.parametrize(
    "header",
    [
        "no colon",
        ": no name",
        "Two Words: x",
        "X: a\r\nY: b",
        "X: a\nb",
        "X: \x00",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Host: x",
    ],
)
def test_a_header_that_is_none_is_refused(header: str) -> None:
    async def story(client: Client) -> None:
        with pytest.raises(BadArguments) as refused:
            await client.ask(Header=header)
        assert set(refused.value.wrong) == {"Header"}
        assert not client.receiver.heard

    play(story)


def test_a_fault_can_aim_at_it_and_the_trace_shows_no_secret() -> None:
    async def story(client: Client) -> None:
        client.ground.faults.arm(Fault("f", "tcp", "refuse", {"service": "httpclient"}))
        assert str(await client.refused(Url=client.receiver.url + "?token=hunter2")) == f"connection refused {HOST}:80"
        shown = [event for event in client.ground.trace.events if event.kind.startswith("outgoing")]
        assert [event.kind for event in shown] == ["outgoing.request", "outgoing.failed"]
        assert not any("hunter2" in event.as_json() for event in shown)

    play(story)


@given(url=st.text(max_size=40) | st.text(max_size=30).map("http://{}".format), header=st.text(max_size=30))
def test_whatever_is_asked_for_comes_to_an_answer_or_a_documented_error(url: str, header: str) -> None:
    async def story(client: Client) -> None:
        with suppress(CommandFailed, BadArguments):
            await client.ask(Url=url, Header=header)
            raise AssertionError("somebody answered")

    play(story)


def test_a_server_that_speaks_nonsense_is_survived() -> None:
    async def story(client: Client) -> None:
        class Nonsense(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                transport.write(next(answers))
                transport.close()

        junk = (
            b"",
            b"\x00\xff\r\n\r\n",
            b"HTTP/1.1 99999 No\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"SSH-2.0\r\n",
        )
        answers = iter(junk)
        listener = await client.ground.net.listen(Nonsense)
        for _ in junk:
            failed = await client.refused(Url=f"http://127.0.0.1:{listener.port}/")
            assert str(failed).startswith(("unexpected content", "connection reset"))
        listener.close()

    play(story)

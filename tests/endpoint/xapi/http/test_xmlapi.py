"""The XML API, on real sockets: credentials, sessions, documents, getxml, putxml; and that no document is too odd for it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from doors import Room, basic, opened, stage
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime import virtual
from endpoint.wire.xapi import documents, xmlinput
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.xmlinput import DOCUMENT_BYTES_MAX, ELEMENTS_MAX
from endpoint.xapi.http import cookies, login
from endpoint.xapi.http.xmlapi import XmlApi

ADMIN = Caller("admin", frozenset("A"), "192.0.2.1", "http")
PROLOG = '<?xml version="1.0"?>\n'
ROOT = '<Status product="Cisco Codec" version="ce26.7.1.12.67c6e508983" apiVersion="4">'
SET = "<Configuration><Audio><DefaultVolume>%s</DefaultVolume></Audio></Configuration>"
VOLUME = "<Command><Audio><Volume><Set%s><Level>%s</Level></Set></Volume></Audio></Command>"


def flat(text: str) -> str:
    """Return a document without its prolog on one line."""
    assert text.startswith(PROLOG)
    assert text.endswith("\n\n")
    return "".join(line.strip() for line in text.removeprefix(PROLOG).splitlines())


def leaves(text: str) -> list[Leaf]:
    """Return what a document says."""
    return xmlinput.leaves(xmlinput.read(text.encode()))


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("/Status/Audio/Volume", f"{ROOT}<Audio><Volume>50</Volume></Audio></Status>"),
        ("Status/Audio/Volume", f"{ROOT}<Audio><Volume>50</Volume></Audio></Status>"),
        ("/status/audio/volume/", f"{ROOT}<Audio><Volume>50</Volume></Audio></Status>"),
        ("//Volume", f"{ROOT}<Audio><Volume>50</Volume></Audio></Status>"),
        (
            "/Status/Video/Input/Connector[@item='2']",
            (
                f'{ROOT}<Video><Input><Connector item="2" maxOccurrence="n"><Connected>False</Connected></Connector>'
                "</Input></Video></Status>"
            ),
        ),
        ("/Status/Nope", "<EmptyResult/>"),
        ("/Status/Call", "<EmptyResult/>"),
        ("/Command/Dial", "<EmptyResult/>"),
        ("<<>>", "<EmptyResult/>"),
        ("", "<EmptyResult/>"),
        ("x" * 3_000, "<EmptyResult/>"),
    ],
)
def test_getxml(location: str, found: str) -> None:
    async def body() -> None:
        async with opened() as room:
            status, text, headers = await room.ask("GET", "/getxml?location=" + quote(location))
            assert (status, headers["Content-Type"]) == (200, "text/xml; charset=UTF-8")
            assert flat(text) == found

    asyncio.run(body())


def test_the_four_documents() -> None:
    async def body() -> None:
        async with opened(secure=True) as room:
            status = leaves(await room.get("/status.xml"))
            assert (("Status", "Audio", "Volume"), "50") in status
            configuration = await room.get("/configuration.xml")
            assert '<DefaultVolume valueSpaceRef="/Valuespace/INT_0_100">50</DefaultVolume>' in configuration
            assert '<Server item="3" maxOccurrence="3">' in configuration
            both = leaves(await room.get("/getxml?location=//IPv4"))
            assert {path[1] for path, _ in both} == {"Status", "Configuration"}
            command = xmlinput.read((await room.get("/command.xml")).encode())
            assert command.children
            assert "Put" not in [
                child.name for child in xmlinput.read((await room.get("/command.xml", "ann")).encode()).children
            ]
            spaces = xmlinput.read((await room.get("/valuespace.xml")).encode())
            assert spaces.child("INT_0_100") is not None
            assert leaves(await room.get("/status.xml", "observer")) != status

    asyncio.run(body())


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        (SET % 55, "<Configuration><Success/></Configuration>"),
        (SET % 50, "<Configuration><Success/></Configuration>"),
        (
            SET % 555,
            '<Configuration><Audio><DefaultVolume error="True">Illegal value</DefaultVolume></Audio></Configuration>',
        ),
        (
            "<Configuration><Nope>1</Nope></Configuration>",
            (
                '<Configuration status="Error"><Reason>No match on address expression</Reason>'
                "<XPath>Configuration/Nope</XPath></Configuration>"
            ),
        ),
        (
            "<Configuration><No.1>1</No.1></Configuration>",
            (
                '<Configuration status="Error"><Reason>No match on address expression</Reason>'
                "<XPath>Configuration/No.1</XPath></Configuration>"
            ),
        ),
        (VOLUME % ("", 41), '<Command><VolumeSetResult status="OK"/></Command>'),
        (VOLUME % (' command="True"', 41), '<Command><VolumeSetResult status="OK"/></Command>'),
        (VOLUME % ("", 101), '<Command><VolumeSetResult status="ParameterError"/></Command>'),
        (
            "<Command><Dial><Number>a</Number></Dial></Command>",
            '<Command><DialResult status="OK"><CallId>7</CallId><ConferenceId>1</ConferenceId></DialResult></Command>',
        ),
        (
            "<Command><Dial><Number><x/></Number></Dial></Command>",
            '<Command><DialResult status="ParameterError"/></Command>',
        ),
        (
            "<Command><Call><Disconnect/></Call><Bookings><List/></Bookings></Command>",
            (
                '<Command><CallDisconnectResult status="Error"><Reason>No active call</Reason></CallDisconnectResult>'
                '<BookingsListResult status="OK"><Booking item="1" maxOccurrence="n"><Id>webex-1</Id>'
                "<Time><StartTimeBuffer>300</StartTimeBuffer></Time></Booking>"
                "<ResultInfo><TotalRows>1</TotalRows></ResultInfo></BookingsListResult></Command>"
            ),
        ),
        (
            "<Command><No><Such/></No><Audio><Volume><Set><Level>1</Level></Set></Volume></Audio></Command>",
            (
                '<Command><Result status="Error"><Reason>Unknown command</Reason><XPath>/No/Such</XPath></Result>'
                '<VolumeSetResult status="OK"/></Command>'
            ),
        ),
        (
            "<Command><Dial><Number>defect</Number></Dial></Command>",
            '<Command><DialResult status="Error"><Reason>Internal error</Reason></DialResult></Command>',
        ),
        ("<Command><X/></Command>", "<ActionError><Reason>No action detected in document</Reason></ActionError>"),
        (
            '<Command><X command="True"/></Command>',
            "<ActionError><Reason>No action detected in document</Reason></ActionError>",
        ),
        ("<Status/>", "<ActionError><Reason>No action detected in document</Reason></ActionError>"),
    ],
)
def test_putxml(document: str, answer: str) -> None:
    async def body() -> None:
        async with opened() as room:
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the defect is on purpose
            assert flat(await room.put(document)) == answer

    asyncio.run(body())


def test_bodies_repeated_arguments_and_commands_that_take_time() -> None:
    async def body() -> None:
        async with opened() as room:
            save = "<Save><PanelId>p1</PanelId><body>%s</body></Save>"
            panel = f"<UserInterface><Extensions><Panel>{save}</Panel></Extensions></UserInterface>"
            for inner in ("&lt;Extensions>\n&lt;/Extensions>", "<![CDATA[<Extensions>\n</Extensions>]]>"):
                assert 'status="OK"' in await room.put(f"<Command>{panel % inner}</Command>")
            assert room.stage.owner.bodies == ["<Extensions>\n</Extensions>"] * 2
            await room.put(
                "<Command><HttpFeedback><Register><FeedbackSlot>1</FeedbackSlot><ServerUrl>http://a.test</ServerUrl>"
                '<Expression item="1">/Status</Expression><Expression item="2">/Event</Expression>'
                "</Register></HttpFeedback></Command>"
            )
            assert room.stage.owner.seen[-1].many("Expression") == ("/Status", "/Event")
            asking = asyncio.create_task(room.put("<Command><Call><Join/></Call></Command>"))
            await room.put(VOLUME % ("", 3))
            assert not asking.done()
            room.stage.owner.gate.set()
            assert "<CallId>9</CallId>" in await asking

    asyncio.run(body())


def test_pushed_bookings() -> None:
    async def body() -> None:
        async with opened() as room:
            document = "<Bookings><Booking><Id>1</Id><Title>Wöche</Title><Time><Duration>30</Duration></Time></Booking></Bookings>"
            status, text, _ = await room.ask("POST", "/bookingsputxml", document.encode())
            assert (status, flat(text)) == (200, "<success />")
            [body] = room.stage.owner.bodies
            assert '"Id": "1", "Title": "Wöche"' in body
            assert '"Time": {"Duration": 30}' in body
            assert (await room.ask("POST", "/bookingsputxml", "<Nope/>"))[0] == 400
            status, text, _ = await room.ask("POST", "/bookingsputxml", document.encode(), user="ann")
            assert '<BookingsPutResult status="Error"><Reason>Access denied</Reason></BookingsPutResult>' in flat(text)

    asyncio.run(body())


@pytest.mark.parametrize(
    ("document", "media", "status", "why"),
    [
        ("<Command>", "text/xml", 400, "line 1, column 9: well-formed XML, got no element found"),
        ("", "text/xml", 400, "well-formed XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Command/>', "text/xml", 400, "no document type"),
        (
            '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Command>&a;</Command>',
            "text/xml",
            400,
            "no document type",
        ),
        ("<a>" * 100_000, "text/xml", 400, "at most 32 deep"),
        (f"<a>{'<b/>' * ELEMENTS_MAX}</a>", "text/xml", 400, "elements"),
        (SET % 1, "application/json", 415, "Content-Type: text/xml"),
        (SET % 1, "multipart/form-data", 415, "Content-Type: text/xml"),
        (SET % 1, "application/xml; charset=utf-8", 200, "Success"),
        (SET % 1, "application/octet-stream", 200, "Success"),
        (SET % 1, "text/xml; charset=klingon", 400, "an encoding that is known"),
        (" " * (DOCUMENT_BYTES_MAX + 1), "text/xml", 413, "A body has at most"),
        (f"<Command>{' ' * 5_000_000}</Command>", "text/xml", 200, "No action"),
    ],
    ids=lambda text: str(text)[:20],
)
def test_documents_that_are_refused(document: str, media: str, status: int, why: str) -> None:
    async def body() -> None:
        async with opened() as room:
            got, text, headers = await room.ask("POST", "/putxml", document.encode(), Content_Type=media)
            assert got == status
            assert why in text
            if status != 200:
                assert text.startswith(f"{status} ")
                assert headers["Content-Type"] == "text/plain; charset=UTF-8"
            assert "50" in await room.get("/getxml?location=/Status/Audio/Volume")

    asyncio.run(body())


def test_headers_and_refusals() -> None:
    async def body() -> None:
        async with opened() as room:
            status, text, headers = await room.ask("GET", "/getxml?location=/Status", user=None)
            assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="CISCO-Endpoint"')
            assert text.startswith("401 Unauthorized")
            assert headers["Server"] == "nginx"
            assert headers["Connection"] == "close"
            assert headers["Cache-Control"] == "no-store, max-age=0"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "Access-Control-Allow-Origin" not in headers
            for path, method, wanted in (
                ("/nope", "GET", 404), ("/web", "GET", 404), ("/putxml", "GET", 405), ("/getxml", "POST", 405), ("/getxml", "GET", 400),
                ("/", "GET", 200), ("/status.xml", "HEAD", 200),
            ):  # fmt: skip
                assert (await room.ask(method, path))[0] == wanted, path
            assert (await room.ask("GET", "/getxml", user="ann"))[0] == 400
            assert (await room.ask("GET", "/getxml", Authorization=basic("admin", "wrong")))[0] == 401
            room.stage.facts.is_ready = False
            assert (await room.ask("GET", "/status.xml"))[0] == 502
            room.stage.facts.is_ready = True
            room.stage.facts.served = {(False, False): False}
            assert (await room.ask("GET", "/status.xml"))[0] == 403

    asyncio.run(body())


@pytest.mark.parametrize("secure", [False, True])
def test_sessions(secure: bool) -> None:
    async def body() -> None:
        async with opened(secure=secure) as room:
            status, _, headers = await room.ask("POST", "/xmlapi/session/begin")
            cookie = headers["Set-Cookie"]
            assert status == 204
            assert cookie.startswith("SessionId=")
            assert cookie.endswith("; Path=/; HttpOnly" + ("; Secure" if secure else ""))
            token = cookie.partition(";")[0]
            asked = room.stage.users.asked
            status, text, _ = await room.ask("GET", "/getxml?location=/Status/Audio", user=None, Cookie=f"a=b; {token}")
            assert status == 200
            assert "<Volume>50</Volume>" in text
            assert room.stage.users.asked == asked
            assert (await room.ask("POST", "/xmlapi/session/begin", user=None, Cookie=token))[0] == 204
            assert room.stage.sessions.count == 1
            assert (await room.ask("POST", "/xmlapi/session/end", user=None, Cookie=token))[0] == 204
            assert room.stage.sessions.count == 0
            assert (await room.ask("POST", "/xmlapi/session/end", user=None, Cookie=token))[0] == 200
            assert (await room.ask("GET", "/status.xml", user=None, Cookie=token))[0] == 401
            assert (await room.ask("POST", "/xmlapi/session/begin", user=None))[0] == 401

    asyncio.run(body())


def test_who_forgets_to_end_sessions_locks_themself_out() -> None:
    async def body() -> None:
        async with opened() as room:
            room.stage.sessions.limit = 2
            begun = [await room.ask("POST", "/xmlapi/session/begin") for _ in range(3)]
            assert [status for status, _, _ in begun] == [204, 204, 503]
            tokens = [headers["Set-Cookie"].partition(";")[0] for _, _, headers in begun[:2]]
            assert len(set(tokens)) == 2
            assert (await room.ask("GET", "/status.xml"))[0] == 200  # a request by itself is no session
            room.stage.sessions.close_all("Password changed")
            assert room.stage.sessions.count == 0
            assert (await room.ask("GET", "/status.xml", user=None, Cookie=tokens[0]))[0] == 401
            await room.ask("POST", "/xmlapi/session/begin")
            await room.door.stop()
            assert room.stage.sessions.count == 0

    asyncio.run(body())


def test_a_session_that_begins_while_the_door_is_shut_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with opened() as room:
            knocks, goes_on = asyncio.Event(), asyncio.Event()
            authenticate = room.stage.users.authenticate

            async def slow(*given: Any, **more: Any) -> Caller:
                knocks.set()
                await goes_on.wait()
                return await authenticate(*given, **more)

            monkeypatch.setattr(room.stage.users, "authenticate", slow)
            asking = asyncio.create_task(room.ask("POST", "/xmlapi/session/begin"))
            await knocks.wait()
            stopping = asyncio.create_task(room.door.stop())
            await asyncio.sleep(0)
            assert not room.door.is_open
            goes_on.set()
            status, _, _ = await asking
            await stopping
            assert status == 204
            assert room.stage.sessions.count == 0

    asyncio.run(body())


def test_a_client_that_waits_to_be_asked_for_its_body() -> None:
    async def body() -> None:
        async with opened() as room:
            document = SET % 7
            reader, writer = await asyncio.open_connection("127.0.0.1", room.door.port)
            writer.write(
                f"POST /putxml HTTP/1.1\r\nHost: device.test\r\nAuthorization: {basic('admin')}\r\n"
                f"Content-Length: {len(document)}\r\nContent-Type: text/xml\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(document.encode())
            assert b"<Success/>" in await reader.read()
            writer.close()

    asyncio.run(body())


async def _ask_raw(room: Room, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", room.door.port)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def test_what_is_no_http_is_no_harm() -> None:
    async def body() -> None:
        async with opened() as room:
            for data in (
                b"hello\r\n\r\n",
                b"GET / HTTP/9\r\n\r\n",
                b"\x16\x03\x01\x02\x00" * 20,
                b"GET /getxml?location=%FF HTTP/1.1\r\n\r\n",
                b"",
            ):
                answer = await _ask_raw(room, data)
                assert answer == b"" or answer.startswith(b"HTTP/1.")
            assert (await room.ask("GET", "/status.xml"))[0] == 200

    asyncio.run(body())


ODD = st.sampled_from(
    ["<Command>", "</Command>", "<Configuration>", "</Configuration>", "<Audio>", "</Audio>", "<Volume>", "</Volume>", "<Set>", "</Set>",
     "<Level>5</Level>", "<DefaultVolume>7</DefaultVolume>", "<Dial>", "</Dial>", "<Number>", "</Number>", "<body>", "</body>", "x", "&lt;"]
)  # fmt: skip


@given(st.binary() | st.lists(ODD, max_size=12).map("".join).map(str.encode), st.sampled_from(["text/xml", "", "a/b"]))
def test_any_document_has_an_answer(data: bytes, media: str) -> None:
    async def body() -> None:
        behind = stage()
        defects: list[str] = []
        api = XmlApi(behind.xapi, behind.facts, documents, lambda what, error: defects.append(what))
        answer = await api.put(data, media, None, ADMIN)
        assert not defects
        assert answer.status in ((200, 400) if media != "a/b" else (415,))
        if answer.status == 200:
            assert xmlinput.read(answer.body.encode()).name in ("Command", "Configuration", "ActionError")

    virtual.run(body)


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["/", "//", "Status", "Audio", "*", "[1]", "Configuration", "Vol"])).map("".join)
)
def test_any_location_has_an_answer(location: str) -> None:
    async def body() -> None:
        behind = stage()
        api = XmlApi(behind.xapi, behind.facts, documents, lambda *_: None)
        answer = api.location(location, ADMIN)
        assert answer.status == 200
        assert xmlinput.read(answer.body.encode()).name in ("Status", "Configuration", "XmlDoc", "EmptyResult")

    virtual.run(body)


@given(st.text())
def test_any_header_is_a_login_or_none(text: str) -> None:
    for found in (login.basic(text), login.basic("Basic " + text), login.subprotocol(login.offered("auth-" + text))):
        assert found is None or ":" not in found.name
    assert isinstance(cookies.token_of(text), str)


@given(
    st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"]), max_size=200),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
)
def test_a_login_comes_back(name: str, passphrase: str) -> None:
    found = login.basic(basic(name, passphrase))
    if found is not None:  # none is longer than a header may be
        assert (found.name, found.passphrase.reveal()) == (name, passphrase)
    assert found is not None or len(name.encode() + passphrase.encode()) > 700

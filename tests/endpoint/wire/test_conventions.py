from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.codec import encode
from endpoint.wire.conventions import (
    ErrorBody,
    TrackingId,
    authority,
    error_body,
    format_http_date,
    format_instant,
    is_url,
    parse_http_date,
    parse_instant,
    parse_retry_after,
    parse_tracking_id,
    read_error,
    redact_url,
    room_address,
)
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

NOW = datetime(2022, 4, 24, 18, 58, 17, 284_000, tzinfo=UTC)
SESSION = "21e1dc8f-8fab-4bb7-9d9a-35778147380e"

instants = st.datetimes(
    datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2069-12-31"), timezones=st.just(UTC)
)


# ---- instants ----


def test_format_instant_cuts_to_milliseconds_and_ends_in_z() -> None:
    assert format_instant(NOW) == "2022-04-24T18:58:17.284Z"
    assert format_instant(NOW + timedelta(microseconds=999)) == "2022-04-24T18:58:17.284Z"
    assert format_instant(NOW.astimezone(timezone(timedelta(hours=-5)))) == "2022-04-24T18:58:17.284Z"


@given(instants)
def test_instants_round_trip_to_the_millisecond(instant: datetime) -> None:
    cut = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert parse_instant(format_instant(instant), "x") == cut


@pytest.mark.parametrize(
    "text", ["", "now", "2022-04-26", "2022-04-26T13:15:00", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"]
)
def test_parse_instant_refuses(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_instant(text, "meeting.start")
    assert caught.value.where == "meeting.start"


def _spoiled(samples: st.SearchStrategy[str], junk: str) -> st.SearchStrategy[str]:
    """Put up to two characters of `junk` in the place of one, or of none, into every other sample."""
    return samples | st.builds(
        lambda text, at, new, cut: text[: at % (len(text) + 1)] + new + text[at % (len(text) + 1) + cut :],
        samples, st.integers(0, 80), st.text(junk, max_size=2), st.integers(0, 1),
    )  # fmt: skip


zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
local_instants = st.builds(lambda instant, zone: instant.astimezone(zone).isoformat(), instants, zones)


@given(st.text() | _spoiled(instants.map(format_instant) | local_instants, "0123456789-+:.TZ x"))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    try:
        instant = parse_instant(text, "x")
    except RemoteProtocolError:
        return
    assert instant.tzinfo is UTC
    assert instant == datetime.fromisoformat(text)
    assert parse_instant(instant.isoformat(), "x") == instant
    assert instant - parse_instant(format_instant(instant), "x") < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_http_dates_of_rfc_9110(text: str) -> None:
    assert parse_http_date(text) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@given(instants)
def test_http_dates_round_trip_to_the_second(instant: datetime) -> None:
    assert parse_http_date(format_http_date(instant)) == instant.replace(microsecond=0)


def test_a_leap_second_is_the_second_before() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("clock", ["23:59:61", "23:59:99", "24:00:00", "23:60:00"])
def test_a_clock_that_shows_no_time_is_refused(clock: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_http_date(f"Sat, 31 Dec 2016 {clock} GMT")


http_dates = st.one_of(
    instants.map(format_http_date),
    instants.map(lambda instant: f"Sunday, {instant:%d-}{format_http_date(instant)[8:11]}{instant:-%y %H:%M:%S} GMT"),
    instants.map(lambda instant: f"Sun {format_http_date(instant)[8:11]} {instant.day:2} {instant:%H:%M:%S %Y}"),
)


@given(st.text() | _spoiled(http_dates, "0123456789: -,GMT"))
def test_any_text_is_an_http_date_or_refused(text: str) -> None:
    try:
        instant = parse_http_date(text)
    except RemoteProtocolError:
        return
    printed = format_http_date(instant)
    assert parse_http_date(printed) == instant
    day, month, year, clock = printed[5:7], printed[8:11], printed[12:16], printed[17:25]
    told = re.findall(r"\d\d:\d\d:\d\d|\d+|[A-Z][a-z]{2}(?![a-z])", text)
    assert month in told
    assert {day, day.lstrip("0")} & set(told)
    assert year in told or (year[2:] in told and 1970 <= instant.year <= 2069)
    assert clock in told or (clock.endswith("59") and f"{clock[:-2]}60" in told)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Sun, 24 Apr 2022 18:58:27 GMT", 9.716),
        ("Sun, 24 Apr 2022 18:58:00 GMT", 0.0),  # over already
        ("-1", None),
        ("1.5", None),
        ("9" * 5000, None),
        ("soon", None),
        ("", None),
    ],
)
def test_parse_retry_after(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


@given(st.text())
def test_parse_retry_after_fuzz(text: str) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or seconds >= 0


# ---- tracking ids ----


def test_tracking_id_and_its_replays() -> None:
    first = TrackingId("webex-js-sdk", SESSION, 3)
    assert str(first) == f"webex-js-sdk_{SESSION}_3"
    assert str(first.replayed()) == f"webex-js-sdk_{SESSION}_3+1"
    assert str(first.replayed().replayed()) == f"webex-js-sdk_{SESSION}_3+2"


@given(
    prefix=st.from_regex(r"[!-~]{1,20}", fullmatch=True),
    uuid=st.uuids(),
    n=st.integers(0, 10**18 - 1),
    replay=st.integers(0, 10**9 - 1),
)
def test_tracking_ids_round_trip(prefix: str, uuid: object, n: int, replay: int) -> None:
    tracking = TrackingId(prefix, str(uuid), n, replay)
    assert parse_tracking_id(str(tracking)) == tracking


tracking_ids = st.builds(
    TrackingId,
    st.from_regex(r"[!-~]{1,6}", fullmatch=True),
    st.just(SESSION),
    st.integers(0, 10**18 - 1),
    st.integers(0, 10**9 - 1),
)


@given(st.text() | _spoiled(tracking_ids.map(str), "0123456789abcdef_+- "))
def test_any_text_is_a_tracking_id_or_refused(text: str) -> None:
    try:
        tracking = parse_tracking_id(text)
    except RemoteProtocolError:
        return
    assert text.startswith(f"{tracking.prefix}_{tracking.uuid}_")
    assert parse_tracking_id(str(tracking)) == tracking
    if tracking.replay < 10**9 - 1:
        assert parse_tracking_id(str(tracking.replayed())) == tracking.replayed()


# ---- error bodies ----


@pytest.mark.parametrize("key", ["error", "errorString", "response", "errorResponse", "message", "msg"])
def test_read_error_finds_text_under_every_key(key: str) -> None:
    assert read_error(encode({key: "no"})).text == "no"


def test_read_error_prefers_the_earlier_key_and_reads_the_codes() -> None:
    error = read_error(
        b'{"message": "late", "error": "code.locked", "errorCode": 4400001, "code": "X", "attemptsLeft": 2}'
    )
    assert (error.text, error.error_code, error.code) == ("code.locked", 4400001, "X")
    assert error.members["attemptsLeft"] == 2


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("User has excessive device registrations", 4400001),
        ("Too many requests", 4429001),
        ("expired", None),
        ("not found", 404001),
    ],
)
def test_error_bodies_of_the_sdk_are_built_and_read(message: str, code: int | None) -> None:
    error = read_error(encode(error_body(message, code, "t_1")))
    assert (error.text, error.error_code, error.members["trackingId"]) == (message, code, "t_1")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"\xff", b'{"error": {"message": "deep"}}', b"[" * 100_000]
)
def test_read_error_of_something_else_is_empty(body: bytes) -> None:
    error = read_error(body)
    assert (error.text, error.error_code, error.code) == ("", None, "")


@given(st.binary())
def test_read_error_fuzz(body: bytes) -> None:
    assert isinstance(read_error(body), ErrorBody)


# ---- addresses ----


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://wdm-a.wbx2.test/wdm/api/v1", "wdm-a.wbx2.test:443"),
        ("wss://WDM-A.wbx2.test/v1", "wdm-a.wbx2.test:443"),
        ("http://127.0.0.1/v1", "127.0.0.1:80"),
        ("ws://[::1]:8080/v1", "[::1]:8080"),
        ("https://wdm-a.wbx2.test@evil.test/wdm", "evil.test:443"),
    ],
)
def test_authority_writes_the_port_out(url: str, expected: str) -> None:
    assert authority(url) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wdm",
        "//host/x",
        "http://",
        "ftp://host",
        "http://host:99999",
        "http://host:0",
        "http://ho\nst",
        "http://[::1",
    ],
)
def test_no_urls(text: str) -> None:
    assert not is_url(text)
    with pytest.raises(LocalProtocolError):
        authority(text)


@given(st.text() | st.from_regex(r"(https?|wss?)://[^/]{0,12}(/.*)?", fullmatch=True))
def test_a_url_has_an_authority(text: str) -> None:
    if is_url(text):
        assert authority(text)


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        (
            "https://calendar-a.wbx2.test/calendar/api/v1/calendarEvents?max=50&offset=0&fromDate=2022-04-23T18:58:17.284Z",
            "https://calendar-a.wbx2.test/calendar/api/v1/calendarEvents?max=50&offset=0&fromDate=2022-04-23T18:58:17.284Z",
        ),
        ("https://user:pass@proxy.test:3128/x", "https://proxy.test:3128/x"),
        ("https://a@b@host.test/p@th", "https://host.test/p@th"),
        ("https://h.test/?access_token=abc&n=1", "https://h.test/?access_token=***&n=1"),
        ("https://h.test/?code=1234&Key=k&mykey=v", "https://h.test/?code=***&Key=***&mykey=v"),
        ("https://h.test/#refresh_token=abc", "https://h.test/#refresh_token=***"),
        ("https://h.test/?x=eyJhbGciOi.e30.sig", "https://h.test/?x=***"),
        ("https://h.test/?x=tok_P0A1_0a0b0c0d-1111-4222-8333-444455556666&y", "https://h.test/?x=***&y"),
        ("https://h.test/?eyJhbGciOi.e30.sig", "https://h.test/?***"),
        ("https://h.test/?token=", "https://h.test/?token="),
        ("not a url", "not a url"),
    ],
)
def test_redact_url(url: str, printed: str) -> None:
    assert redact_url(url) == printed


@given(st.text())
def test_redact_url_takes_any_text_and_settles(text: str) -> None:
    once = redact_url(text)
    assert redact_url(once) == once


@given(
    st.from_regex(r"[A-Za-z0-9]{8,40}", fullmatch=True),
    st.sampled_from(["token", "access_token", "client_secret", "sig"]),
)
def test_redact_url_never_prints_a_named_secret(secret: str, name: str) -> None:
    assert secret not in redact_url(f"https://{secret}:{secret}@h.test/?a=1&{name}={secret}#{name}={secret}")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("Huddle 1", "huddle.1@0a1b2c3d.room.test"),
        ("  R&D / East  ", "r.d.east@0a1b2c3d.room.test"),
        ("会議室", "room@0a1b2c3d.room.test"),
    ],
)
def test_a_room_is_called_by_its_name(name: str, address: str) -> None:
    assert room_address(name, "0a1b2c3d-e5f6-4a7b-8c9d-0e1f2a3b4c5d") == address

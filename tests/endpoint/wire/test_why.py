"""The judge of "why is there no Join button": a table by key, and properties over any evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from endpoint.wire import why_evidence as e
from endpoint.wire.why import judge
from endpoint.wire.why_causes import CAUSE, CAUSES, LINKS, OK, UNKNOWN, Severity, place
from endpoint.wire.why_report import Report, State, Verdict
from tests.endpoint.wire.why_world import BREAKABLE, END, FIELDS, KEPT, MADE, NOW, START, UPSTREAM, both

DUE = START - timedelta(minutes=5)


def state(report: Report, link: str) -> State:
    return next(one.state for one in report.links if one.id == link)


@pytest.mark.parametrize(
    ("at", "verdict", "headline"),
    [
        (NOW, Verdict.COMES, "The Join button comes at 08:55:00Z, in 5 min."),
        (DUE - timedelta(seconds=1), Verdict.COMES, "The Join button comes at 08:55:00Z, in 1 s."),
        (DUE, Verdict.SHOWN, "The Join button shows since 08:55:00Z, till 09:30:00Z."),
        (END, Verdict.OVER, "The meeting is over; the button went at 09:30:00Z."),
    ],
)
def test_a_sound_chain(at: datetime, verdict: Verdict, headline: str) -> None:
    report = judge(*both(at=at))
    assert (report.verdict, report.cause, report.headline) == (verdict, OK, headline)
    assert report.is_good is (verdict is not Verdict.OVER)
    assert {one.state for one in report.links} == {State.OK, State.NOT_NEEDED}


@pytest.mark.parametrize("key", BREAKABLE)
def test_each_cause_alone_is_named_exactly(key: str) -> None:
    report = judge(*both([key], at=START), START)
    assert report.keys == (key,)
    assert report.cause == key
    cause, finding = CAUSE[key], report.findings[0]
    assert (finding.link, finding.seeds, finding.title) == (cause.link, cause.seeds, cause.title)
    assert finding.because
    assert finding.todo
    assert {one.side for one in finding.proof} >= {"cloud", "device"}
    assert report.is_good is (cause.severity is not Severity.BLOCKS)
    blocked = {State.BROKEN: Severity.BLOCKS, State.WAITING: Severity.DELAYS, State.FLAWED: Severity.SPOILS}
    assert blocked[state(report, cause.link)] is cause.severity
    if key in UPSTREAM:
        assert state(report, "delivery") is State.NOT_REACHED
        assert state(report, "device") is State.OK


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("conflict", "another time or room"), ("window", "BookingWindowInDays"), ("horizon", "EnforceSchedulingHorizon"),
        ("duration", "MaximumDurationInMinutes"), ("person", CAUSE["room_declined"].cure),
    ],
)  # fmt: skip
def test_what_to_do_about_a_decline_hangs_on_its_reason(reason: str, words: str) -> None:
    cloud, device = both(["room_declined"], at=START)
    assert cloud.room is not None
    report = judge(replace(cloud, room=replace(cloud.room, reason=reason)), device, START)
    assert report.keys == ("room_declined",)
    assert words in report.findings[0].todo


@given(st.sets(st.sampled_from(BREAKABLE), max_size=4))
def test_several_causes_stand_in_the_order_of_the_chain_and_healing_one_takes_away_that_one(truth: set[str]) -> None:
    truth = one_a_link(truth)
    report = judge(*both(truth, at=START), START)
    assert report.keys == in_order(visible(truth))
    assert report.cause == (report.keys[0] if report.keys else OK)
    if report.keys and visible(truth) == truth:
        healed = truth - {report.cause}
        assert set(judge(*both(healed, at=START), START).keys) >= truth - {report.cause}


def in_order(keys: Iterable[str]) -> tuple[str, ...]:
    """The first that breaks a link before the others; a flaw is the answer only where nothing is broken."""
    found = sorted(keys, key=place)
    breaking = [key for key in found if CAUSE[key].severity is not Severity.SPOILS]
    return (*breaking[:1], *(key for key in found if key not in breaking[:1]))


def one_a_link(truth: set[str]) -> set[str]:
    return set({CAUSE[key].link: key for key in sorted(truth)}.values())


def visible(truth: set[str]) -> set[str]:
    """Leave out what nobody can see while an earlier link keeps the meeting away, or what follows from an earlier one."""
    seen = set(truth)
    if truth & (UPSTREAM | KEPT):
        seen -= {"visibility"}
    if truth & {"device_not_registered", "family_not_supported"}:
        seen -= {"websocket_down"}
    return seen


FIRST, LAST = datetime(1, 1, 3), datetime(9999, 12, 28)  # noqa: DTZ001  the strategy adds the zone
instants = st.datetimes(FIRST, LAST, timezones=st.just(UTC)) | st.sampled_from([MADE, NOW, DUE, START, END])
words = st.sampled_from(
    [
        "",
        "none",
        "accepted",
        "declined",
        "tentative",
        "active",
        "expired",
        "AutoAccept",
        "room",
        "body",
        "store",
        "site",
        "webex",
        "x",
    ]
)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    datetime: instants, str: words, bool: st.booleans(), int: st.integers(-3, 10**6), float: st.floats(-1e12, 1e12),
}  # fmt: skip


def evidence(kind: type[e.Known]) -> st.SearchStrategy[Any]:
    members = {field.name: member(field.type, field.required) for field in msgspec.inspect.type_info(kind).fields}  # type: ignore[attr-defined]
    return st.builds(kind, **members)


def member(info: Any, required: bool) -> st.SearchStrategy[Any]:
    if isinstance(info, msgspec.inspect.UnionType):
        return st.one_of(*(member(one, True) for one in info.types))
    if isinstance(info, msgspec.inspect.NoneType):
        return st.none()
    if isinstance(info, msgspec.inspect.StructType):
        return evidence(info.cls)
    if isinstance(info, msgspec.inspect.VarTupleType):
        return st.lists(member(info.item_type, True), max_size=2).map(tuple)
    plain = {"DateTimeType": datetime, "StrType": str, "BoolType": bool, "IntType": int, "FloatType": float}
    return VALUES[plain[type(info).__name__]]


CLOUDS, DEVICES = evidence(e.CloudEvidence), evidence(e.DeviceEvidence)


@given(st.none() | CLOUDS, st.none() | DEVICES, st.none() | instants)
def test_any_evidence_gives_one_ordered_report(cloud: Any, device: Any, at: datetime | None) -> None:
    report = judge(cloud, device, at)
    assert report == judge(cloud, device, at)
    assert [one.id for one in report.links] == [link.id for link in LINKS]
    assert list(report.keys[1:]) == sorted(report.keys[1:], key=place)
    assert len(set(report.keys)) == len(report.keys)
    assert report.cause == (report.keys[0] if report.keys else report.cause)
    assert report.cause in (*report.keys, OK, UNKNOWN)
    assert {one.id for one in report.links if one.keys} == {finding.link for finding in report.findings}
    assert all(CAUSE[key].needs == "" for key in report.keys)
    assert report.headline
    assert set(report.asked) | set(report.not_asked) == {"cloud", "device"}
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


@given(CLOUDS, DEVICES)
def test_evidence_crosses_a_door_unchanged(cloud: e.CloudEvidence, device: e.DeviceEvidence) -> None:
    assert msgspec.json.decode(msgspec.json.encode(cloud), type=e.CloudEvidence) == cloud
    assert msgspec.json.decode(msgspec.json.encode(device), type=e.DeviceEvidence) == device


def test_nothing_is_broken_where_nothing_is_known() -> None:
    report = judge(e.CloudEvidence(), e.DeviceEvidence(), NOW)
    assert (report.keys, report.cause, report.verdict) == ((), UNKNOWN, Verdict.UNKNOWN)
    assert not {State.BROKEN, State.WAITING, State.FLAWED} & {one.state for one in report.links}


@pytest.mark.parametrize("key", [*BREAKABLE, None])
def test_one_side_alone_never_names_another_cause(key: str | None) -> None:
    cloud, device = both([key] if key else [], at=START)
    for report in (judge(cloud, None, START), judge(None, device, START)):
        allowed: set[str | None] = {key}
        if key in ("delete_comments", "no_personal_room"):
            allowed.add("no_join_field")  # all that a device can see of it
        if key in ("family_not_supported", "device_not_registered"):
            allowed.add("websocket_down")  # all that a cloud can see of it, while it still knows the registration
        assert set(report.keys) <= allowed
        assert len(report.not_asked) == 1
        assert any("was not asked" in note for note in report.notes)


def test_the_cloud_alone_says_that_it_does_not_know_what_the_device_does() -> None:
    report = judge(both()[0], None, NOW)
    assert (report.verdict, report.cause) == (Verdict.UNKNOWN, UNKNOWN)
    assert report.headline == "Nothing is broken as far as is known; the device was not asked."
    assert report.button.comes == DUE
    assert state(report, "delivery") is State.UNKNOWN


def test_the_device_alone_is_believed_when_its_button_shows() -> None:
    report = judge(None, both(at=START)[1], START)
    assert (report.verdict, report.cause, report.is_good) == (Verdict.SHOWN, OK, True)


def test_a_meeting_that_neither_side_knows() -> None:
    report = judge(e.CloudEvidence(at=NOW, missing=True), e.DeviceEvidence(at=NOW, is_stored=False))
    assert (report.verdict, report.cause) == (Verdict.MISSING, UNKNOWN)
    assert report.headline == "No Join button: neither side knows such a meeting."
    assert any("ask without a meeting what there is" in note for note in report.notes)


def test_a_button_does_not_show_since_before_the_device_had_the_meeting() -> None:
    cloud, device = both(at=START)
    assert device.meeting is not None
    device = replace(device, meeting=replace(device.meeting, stored_at=START - timedelta(minutes=1)))
    assert judge(cloud, device, START).headline == (
        "The Join button shows; it was due at 08:55:00Z, and goes at 09:30:00Z."
    )


def test_a_lost_push_is_found_while_the_websocket_is_open() -> None:
    cloud, device = both(at=START)
    cloud = replace(cloud, pushes=(e.Push(event_type="calendar.meeting.create", at=MADE, heard=1, acknowledged=False),))
    device = replace(device, is_stored=False, meeting=None, booking=None, button=None, is_listed=False)
    assert judge(cloud, device, START).keys == ("websocket_down",)
    later = e.CatchUp(is_done=True, at=MADE + timedelta(minutes=1))
    report = judge(cloud, replace(device, catch_up=later), START)
    assert (report.keys, report.cause, report.verdict) == ((), UNKNOWN, Verdict.MISSING)
    narrow = replace(later, window_start=MADE - timedelta(days=1), window_end=START - timedelta(minutes=1))
    assert judge(cloud, replace(device, catch_up=narrow), START).keys == ("websocket_down",)


def test_an_update_that_was_lost_leaves_an_older_version() -> None:
    cloud, device = both(at=START)
    dto = replace(cloud.dto, modified=NOW, start=START + timedelta(hours=1), end=END + timedelta(hours=1))
    cloud = replace(cloud, dto=dto, pushes=(e.Push(event_type="calendar.meeting.update", at=NOW, heard=0),))
    device = replace(device, mercury=e.Connection(state="BACKOFF", is_open=False, since=MADE))
    report = judge(cloud, device, START)
    assert report.keys == ("websocket_down",)
    assert any("older version" in one.text for one in report.findings[0].proof) or report.findings[0].because
    assert report.button.comes == DUE + timedelta(hours=1)


@pytest.mark.parametrize(
    ("skew_s", "at", "keys", "severity", "verdict"),
    [
        (29, NOW, (), None, Verdict.COMES),
        (31, NOW, ("clock_wrong",), Severity.SPOILS, Verdict.COMES),
        (-31, NOW, ("clock_wrong",), Severity.BLOCKS, Verdict.MISSING),
        (31 * 60, NOW, ("clock_wrong",), Severity.BLOCKS, Verdict.MISSING),
        (20 * 60, END - timedelta(minutes=5), ("clock_wrong",), Severity.BLOCKS, Verdict.MISSING),
    ],
)
def test_a_wrong_clock(
    skew_s: float, at: datetime, keys: tuple[str, ...], severity: Severity | None, verdict: Verdict
) -> None:
    cloud, device = both(at=at)
    device = replace(device, at=at + timedelta(seconds=skew_s), clock=e.WallClock(skew_s=skew_s), button=None)
    report = judge(cloud, device, at)
    assert (report.keys, report.verdict) == (keys, verdict)
    if keys:
        assert report.findings[0].severity is severity
        assert report.button.skewed_comes == DUE - timedelta(seconds=skew_s)


def test_a_wrong_zone_is_a_flaw() -> None:
    cloud, device = both()
    device = replace(device, clock=e.WallClock(skew_s=0.0, zone="Etc/UTC", expected_zone="Europe/Oslo"))
    report = judge(cloud, device)
    assert (report.keys, report.verdict) == (("clock_wrong",), Verdict.COMES)


def test_a_registration_that_is_lost_later_does_not_take_the_button_away() -> None:
    cloud, device = both(at=START)
    report = judge(cloud, replace(device, is_registered=False, registration="backoff"), START)
    assert (report.verdict, report.cause) == (Verdict.SHOWN, OK)
    assert state(report, "device") is State.FLAWED


def test_another_mode_takes_the_button_away_even_if_the_meeting_is_there() -> None:
    cloud, device = both(at=START)
    device = replace(device, mode="MicrosoftTeamsRooms", button=e.Button(is_shown=False))
    assert judge(cloud, device, START).keys == ("device_not_registered",)


def test_a_subscription_that_expired_after_the_meeting_was_taken_up_is_a_flaw_only() -> None:
    cloud, device = both()
    cloud = replace(cloud, subscription=e.Subscription(state="expired", missed=False))
    report = judge(cloud, device)
    assert (report.cause, state(report, "notification")) == (OK, State.FLAWED)


def test_a_lead_of_nothing_is_told_and_is_no_fault() -> None:
    cloud, device = both()
    report = judge(replace(cloud, lead_s=0), replace(device, button=None))
    assert (report.cause, report.button.comes) == (OK, START)
    assert "The lead is 0: the button comes at the start itself." in report.notes


def test_a_pushed_booking_needs_no_cloud() -> None:
    device = replace(
        both(["replaced_list"])[1], is_stored=False, meeting=None, button=None, is_listed=False, booking=None
    )
    report = judge(e.CloudEvidence(at=NOW, missing=True), device)
    assert report.keys == ("replaced_list",)
    assert state(report, "room") is State.NOT_NEEDED


def test_a_cancelled_meeting_is_over() -> None:
    cloud, device = both(at=START)
    cloud = replace(cloud, event=replace(cloud.event, is_cancelled=True), is_published=False, dto=None)
    device = replace(device, is_stored=False, meeting=None, booking=None, button=None)
    report = judge(cloud, device)
    assert (report.verdict, report.headline) == (Verdict.OVER, "The meeting was cancelled.")


def test_the_catalogue_is_whole() -> None:
    assert {cause.row for cause in CAUSES} == set(range(1, 24))
    assert len(CAUSE) == len(CAUSES)
    assert {cause.link for cause in CAUSES} <= {link.id for link in LINKS}
    assert FIELDS


def test_a_meeting_that_the_room_has_declined_is_stored_and_no_booking() -> None:
    cloud, device = both(at=START)
    cloud = replace(cloud, source="site", room=None, event=None, dto=replace(cloud.dto, response="DECLINED"))
    device = replace(device, meeting=replace(device.meeting, response="DECLINED"), booking=None, button=None)
    assert judge(cloud, device, START).keys == ("room_declined",)


def test_a_meeting_that_only_the_device_still_has() -> None:
    cloud, device = both(at=START)
    report = judge(replace(cloud, is_published=False, dto=None), device, START)
    assert report.verdict is Verdict.SHOWN
    assert "The cloud has it no more for this device: the device has not heard of that." in report.notes


def test_a_title_whose_key_cannot_come_since_the_websocket_is_down() -> None:
    cloud, device = both(["kms_down"], at=START)
    cloud = replace(cloud, keys=e.Keys(is_up=True))
    device = replace(device, mercury=e.Connection(state="waiting", is_open=False))
    report = judge(cloud, device, START)
    assert (report.keys, report.verdict) == (("websocket_down",), Verdict.SHOWN)
    assert report.findings[0].severity is Severity.SPOILS


def test_a_button_that_is_early_by_configuration() -> None:
    cloud, device = both(at=NOW)
    report = judge(cloud, replace(device, button=replace(device.button, is_shown=True, is_early=True)))
    assert (report.verdict, report.headline) == (
        Verdict.SHOWN,
        "The Join button shows already (EarlyJoin), till 09:30:00Z.",
    )

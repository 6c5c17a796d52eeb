"""Software upgrades on the wire: versions, offers, questions and images."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire import swupgrade
from endpoint.wire.codec import encode
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.swupgrade import Answer, Offer, Question

VERSION, DAY = "ce26.5.1.3.1f0e9a7c2d4", "2026-05-04"
IMAGE = swupgrade.make_image(VERSION, DAY)
OFFER = Offer(
    id="8a0c2b1e-1111-4000-8000-000000000001",
    version=VERSION,
    date=DAY,
    url="https://swupgrade-a.wbx2.test/swupgrade/api/v1/images/1",
    bytes=len(IMAGE),
    digest=swupgrade.digest(IMAGE),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("version", "minimum", "below"),
    [
        ("ce26.4.1.12.67c6e508983", "ce26.5", True),
        ("ce26.5.1.3.1f0e9a7c2d4", "ce26.5", False),
        ("ce26.5", "ce26.5.0.0", False),
        ("ce26.5", "ce26.5.0.1", True),
        ("ce9.15.3.25.aaaaaaaaaaa", "ce10.1", True),
        ("ce10.1", "ce9.15.3", False),
        ("ce26.5.1.3.00000000000", "ce26.5.1.3.ffffffffff0", False),
        ("ce26.11", "ce26.9", False),
    ],
)
def test_versions_compare_by_their_numbers(version: str, minimum: str, below: bool) -> None:
    assert swupgrade.is_below(version, minimum) is below


@pytest.mark.parametrize(
    "text", ["", "26.5", "ce26", "ce26.", "ce26.5.x", "ce26.5\n", "CE26.5", "ce26.5.1.2.3", "ce٢6.5"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(LocalProtocolError, match="no software version"):
        swupgrade.version_numbers(text)


def test_a_version_id_is_written_with_blanks() -> None:
    assert swupgrade.version_id("ce11.19.1.7.3055d561c16", "2024-08-05") == "ce11.19.1.7 3055d561c16 2024-08-05"


def test_an_answer_survives_the_wire() -> None:
    answer = Answer(offer=OFFER, should="ce26.5", must="ce26.1.2")
    assert swupgrade.parse_answer(encode(answer)) == answer
    assert swupgrade.parse_answer(b"{}") == Answer()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"version": "ce26.5"}, "body.offer.version"),
        ({"version": "x" * 300}, "body.offer.version"),
        ({"date": "2026-02-30"}, "body.offer.date"),
        ({"date": "20260504"}, "body.offer.date"),
        ({"id": ""}, "body.offer.id"),
        ({"id": "a b"}, "body.offer.id"),
        ({"url": "wss://x.test/"}, "body.offer.url"),
        ({"url": "images/1"}, "body.offer.url"),
        ({"digest": "ab" * 32}, "body.offer.digest"),
        ({"bytes": swupgrade.IMAGE_BYTES_MAX + 1}, "body.offer.bytes"),
        ({"bytes": 0}, "body.offer.bytes"),
        ({"urgency": "High"}, "body.offer.urgency"),
    ],
)
def test_an_offer_that_breaks_a_rule_is_refused_by_name(change: dict[str, Any], where: str) -> None:
    broken = {"offer": {**msgspec.to_builtins(OFFER), **change}}
    with pytest.raises(RemoteProtocolError) as caught:
        swupgrade.parse_answer(encode(broken))
    assert caught.value.where == where


@pytest.mark.parametrize("name", ["should", "must"])
def test_a_minimum_is_a_version(name: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"body.{name}"):
        swupgrade.parse_answer(encode({name: "26"}))


@given(
    st.binary(max_size=200)
    | JSON.map(encode)
    | st.dictionaries(st.sampled_from(["offer", "should", "must"]), JSON).map(encode)
)
def test_any_bytes_are_an_answer_or_a_documented_error(data: bytes) -> None:
    try:
        answer = swupgrade.parse_answer(data)
    except RemoteProtocolError:
        return
    assert swupgrade.parse_answer(encode(answer)) == answer
    for version in (answer.should, answer.must, answer.offer.version if answer.offer else ""):
        if version:
            swupgrade.version_numbers(version)


@given(st.sampled_from(sorted(msgspec.to_builtins(OFFER))), JSON)
def test_any_member_of_an_offer_is_good_or_refused(name: str, value: object) -> None:
    body = encode({"offer": {**msgspec.to_builtins(OFFER), name: value}})
    try:
        answer = swupgrade.parse_answer(body)
    except RemoteProtocolError:
        return
    assert answer.offer is not None
    assert getattr(answer.offer, name) == value
    assert swupgrade.has_build(answer.offer.version)


def test_a_question_survives_the_query() -> None:
    question = Question(product="Room Bar", version=VERSION, channel="Stable & more")
    assert question.query() == f"product=Room+Bar&version={VERSION}&channel=Stable+%26+more"
    assert (
        Question.read({"product": "Room Bar", "version": VERSION, "channel": "Stable & more", "other": "x"}) == question
    )


@given(st.dictionaries(st.sampled_from(["product", "version", "channel"]), st.text(max_size=300)))
def test_any_query_is_a_question_or_a_documented_error(query: dict[str, str]) -> None:
    try:
        question = Question.read(query)
    except RemoteProtocolError:
        return
    assert query == {"product": question.product, "version": question.version, "channel": question.channel}


def test_an_image_depends_on_version_and_day_and_on_nothing_else() -> None:
    assert swupgrade.make_image(VERSION, DAY) == IMAGE
    assert (
        len({IMAGE, swupgrade.make_image(VERSION, "2026-05-05"), swupgrade.make_image("ce26.5.1.4.1f0e9a7c2d4", DAY)})
        == 3
    )
    assert len(swupgrade.make_image(VERSION, DAY, 200)) == 200
    for size in (0, swupgrade.IMAGE_BYTES_MIN - 1, swupgrade.IMAGE_BYTES_MAX + 1):
        with pytest.raises(LocalProtocolError):
            swupgrade.make_image(VERSION, DAY, size)


def test_a_good_image_passes_and_a_damaged_or_foreign_one_does_not() -> None:
    swupgrade.check_download(IMAGE, OFFER)
    swupgrade.check_image(IMAGE, OFFER)
    with pytest.raises(RemoteProtocolError, match="4096 bytes"):
        swupgrade.check_download(IMAGE[:-1], OFFER)
    with pytest.raises(RemoteProtocolError, match="SHA-256"):
        swupgrade.check_download(IMAGE[:-1] + b"\0", OFFER)
    with pytest.raises(RemoteProtocolError, match="an image of"):
        swupgrade.check_image(swupgrade.make_image("ce26.5.1.4.1f0e9a7c2d4", DAY), OFFER)


@given(st.binary(max_size=300))
def test_any_bytes_are_no_image(data: bytes) -> None:
    for check in (swupgrade.check_download, swupgrade.check_image):
        with pytest.raises(RemoteProtocolError):
            check(data, OFFER)

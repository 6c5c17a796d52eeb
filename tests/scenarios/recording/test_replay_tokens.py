"""Which tokens a recorded cloud takes."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from endpoint.runtime.chance import Chance
from scenarios.runner.recording.cloud import RecordedCloud, Reply
from scenarios.runner.recording.har_read import read_har
from scenarios.runner.recording.matching import Asked
from scenarios.runner.recording.model import Exchange, Message, Recording, Socket
from scenarios.runner.recording.play import play
from scenarios.runner.recording.remade import Remade
from scenarios.runner.recording.rules import Rules
from scenarios.runner.recording.tokens import Tokens
from tests.scenarios.recording.recordings import cloud_of, recorded

STORY = "activation/activation"


def first_with_a_token(cloud: RecordedCloud) -> Exchange:
    """Return the first recorded request that came with a token."""
    return next(one for one in cloud.recording.exchanges if any(name == "Authorization" for name, _ in one.headers))


def ask(cloud: RecordedCloud, one: Exchange, token: str) -> Reply:
    """Ask a recorded request with a token."""
    asked = Asked(one.method, one.host, one.path, one.url.partition("?")[2], one.body, one.mime)
    return cloud.answer(asked, {"Authorization": f"Bearer {token}"}, one.body.encode())[0]


def test_a_strict_cloud_takes_the_tokens_that_it_has_given_out() -> None:
    cloud = cloud_of(STORY, is_strict=True)
    one = first_with_a_token(cloud)
    assert ask(cloud, one, "made-up").status == 401
    assert cloud.unmatched == [[f"{one.title}: with a token that was not given out in this replay"]]
    given_out = cloud.remade.value("<access_token#1>")  # as in the answer to the activation
    assert ask(cloud, one, given_out).status == one.status  # the recorded answer is still there to be had
    assert cloud.unmatched_count == 1


def test_a_lenient_cloud_takes_any_and_says_so_once() -> None:
    cloud = cloud_of(STORY)
    one = first_with_a_token(cloud)
    assert [ask(cloud, one, token).status for token in ("made-up", "another")] == [200, 200]
    assert cloud.notes == [
        f"{one.title}: with a token that was not given out in this replay; it is answered all the same"
    ]


def exchange(n: int, *, status: int = 200, answer: str = "", token: str = "", body: str = "") -> Exchange:
    """Make a request."""
    headers = [("Authorization", f"Bearer {token}")] if token else []
    return Exchange(
        n=n,
        t_us=n,
        at="",
        method="GET",
        url="https://a.test/x",
        headers=headers,
        status=status,
        answer=answer,
        body=body,
    )


@pytest.mark.parametrize(
    ("one", "is_strange"),
    [
        (exchange(2, token="<access_token#1>"), True),
        (exchange(2, token="<access_token#9>"), False),  # nobody had given it out before the recorder's eyes
        (exchange(2, token="<access_token#1>", status=401), False),  # the recorded refusal stands
        (exchange(2), False),
        (
            exchange(
                2, body=urlencode({"grant_type": "refresh_token", "refresh_token": "<refresh_token#1>"}, safe="<>#")
            ),
            True,
        ),
        (exchange(2, body=urlencode({"grant_type": "other", "refresh_token": "<refresh_token#1>"}, safe="<>#")), False),
    ],
)
def test_the_recording_says_what_is_strange(one: Exchange, is_strange: bool) -> None:
    given = exchange(1, answer='{"access_token":"<access_token#1>","refresh_token":"<refresh_token#1>"}')
    recording = Recording(exchanges=[given, one])
    remade = Remade(recording, Chance(1).actor("replay"), "")
    tokens = Tokens(recording, remade)
    asked = one.body.replace("<refresh_token#1>", "made-up")
    assert tokens.is_strange(one, {"Authorization": "Bearer made-up"}, asked) is is_strange
    good, renewed = remade.value("<access_token#1>"), remade.value("<refresh_token#1>")
    assert not tokens.is_strange(
        one, {"Authorization": f"Bearer {good}"}, one.body.replace("<refresh_token#1>", renewed)
    )


def test_a_renewal_is_refused_in_the_words_of_the_protocol() -> None:
    cloud = cloud_of(STORY, is_strict=True)
    body = "grant_type=refresh_token&refresh_token=<refresh_token#1>"
    mime = "application/x-www-form-urlencoded"
    one = exchange(99, body=body)
    one.mime = mime
    cloud.recording.exchanges.append(one)
    asked = Asked("GET", "a.test", "/x", "", body.replace("<refresh_token#1>", "made-up"), mime)
    reply = cloud.answer(asked, {}, asked.body.encode())[0]
    assert (reply.status, json.loads(reply.body)["error"]) == (400, "invalid_grant")


def test_a_websocket_is_authorized_by_a_token_of_the_replay() -> None:
    cloud = cloud_of(STORY, is_strict=True)
    socket = cloud.connect()
    assert socket is not None
    frame = {"type": "authorization", "data": {"token": "Bearer made-up"}}
    assert not cloud.admits(socket, frame)
    again = cloud.connect()
    assert again is socket  # its recording is for whoever is let in
    frame["data"] = {"token": f"Bearer {cloud.remade.value('<access_token#1>')}"}
    assert cloud.admits(again, frame)


def test_a_recording_that_begins_with_a_token_is_played_with_any() -> None:
    recording, _ = read_har(recorded(STORY) / "session.har")
    sent = Message(
        t_us=0, at="", is_sent=True, text='{"type":"authorization","data":{"token":"Bearer <access_token#7>"}}'
    )
    remade = Remade(recording, Chance(1).actor("replay"), "")
    assert not Tokens(recording, remade).is_strange_line(
        Socket(n=1, t_us=0, at="", url="wss://a.test/", messages=[sent]), {}
    )
    assert play(
        recording, rules=Rules(), is_strict=True, seed=3
    ).is_good  # and the tokens of a device of ours are known

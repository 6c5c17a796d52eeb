"""Judging states again that no event tells: the run has written down what its expectations saw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from endpoint.runtime.trace import Event
from scenarios.runner import seen
from scenarios.runner.commands import run_app
from scenarios.runner.conditions import StateCondition
from scenarios.runner.history.judging import Judgement, judge
from scenarios.runner.history.reader import History, read_trace
from scenarios.runner.loader import load
from scenarios.runner.matchers import MISSING, Literal, Subject
from scenarios.runner.problems import Place
from scenarios.runner.seen import NotSeen, Remembered, Seen, Telling, Untold, packed, unpacked
from scenarios.runner.watches import Moment
from scenarios.runner.whole_run import SECRET

STORY = """\
name: Somebody books the room
device: { at: online }
steps:
  - webex_meeting: { id: review, title: Design review, starts: +3m, lasts: 30m, organizer: Ana Smith }
    expect:
      - trace: { kind: calendar.stored, who: "device:${device.name}" }
        within: 2s
      - bookings: [{ Title: Design review, Webex: { Enabled: "True" } }]
        cloud: { meeting.review.title: Design review, device.count: 1 }
        why: { review: ok }
        well: true
        within: 2s
  - name: Waited for
    wait: { xconfig: { Audio DefaultVolume: 50 } }
    expect: { xstatus: { Audio Volume: 50 }, bookings: { count: 1 } }
    never: { bookings: { count: 0 } }
  - cloud.participant: { meeting: review, who: Ana Smith, do: join, role: host }
  - press: join button
    expect: { calls: [{ status: Connected, duration_s: { lt: 1 } }], within: 10s }
  - advance: 20s
    expect: { quiet: { xevent: 5s }, calls: [{ duration_s: { ge: 19 } }], history: { count: 0 } }
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("history")
    (folder / "story.yaml").write_text(STORY)
    assert run_app(["run", str(folder / "story.yaml"), "--trace", str(folder / "story.jsonl")]) == 0
    return read_trace(folder / "story.jsonl")


def judged(history: History, tmp_path: Path, old: str = "", new: str = "") -> Judgement:
    """Judge the history by the story, with one thing changed in it."""
    assert old in STORY
    file = tmp_path / "changed.yaml"
    file.write_text(STORY.replace(old, new, 1) if old else STORY)
    (scenario,) = load(file)
    return judge(scenario, history)


def test_the_whole_story_is_judged(history: History, tmp_path: Path) -> None:
    judgement = judged(history, tmp_path)
    assert (judgement.failures, judgement.unjudged) == ([], [])
    assert judgement.judged == 6 + 4 + 1 + 3 + 3  # conditions, and the checks of every scenario


@pytest.mark.parametrize(
    ("old", "new", "step", "told"),
    [
        ("Title: Design review, W", "Title: Other, W", "1", 'Title: got "Design review", expected is "Other"'),
        ("title: Design review, d", "title: Other, d", "1", 'expected is "Other"'),
        ("device.count: 1", "device.count: 2", "1", "got 1, expected is 2"),
        ("review: ok", "review: no_join_field", "1", 'got "ok"'),
        ("well: true", "well: false", "1", "got true, expected is false"),
        ("DefaultVolume: 50", "DefaultVolume: 51", "2", "got 50, expected is 51"),
        ("Audio Volume: 50", "Audio Volume: 49", "2", "got 50, expected is 49"),
        ("bookings: { count: 0 }", "bookings: { count: 1 }", "2", "never bookings"),
        ("status: Connected", "status: Dialling", "4", 'got "Connected", expected is "Dialling"'),
        ("ge: 19", "ge: 21", "5", "got 20"),
        ("xevent: 5s", "xevent: 25s", "5", "quiet"),
        ("history: { count: 0 }", "history: { count: 1 }", "5", "count"),
    ],
)
def test_a_changed_expectation_fails(
    history: History, tmp_path: Path, old: str, new: str, step: str, told: str
) -> None:
    judgement = judged(history, tmp_path, old, new)
    assert [failure.step for failure in judgement.failures] == [step]
    assert told in judgement.failures[0].report


def test_what_the_run_did_not_look_at_is_not_guessed(history: History, tmp_path: Path) -> None:
    for old, new in (
        ("review: ok", "review: [beyond_window]"),  # the run asked for the first cause, not for all
        ("device:${device.name}", "device:${device.id}"),
        ("well: true", "history: { count: 0 }"),
        ('Enabled: "True"', 'HostKey: "123456"'),
    ):
        judgement = judged(history, tmp_path, old, new)
        assert judgement.failures == []
        assert [step for step, _ in judgement.unjudged] == ["1"]


def test_the_file_alone_is_judged_by_the_command(
    history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "story.yaml").write_text(STORY)
    assert run_app(["trace", "check", str(tmp_path / "story.yaml"), history.file]) == 0
    assert capsys.readouterr().out.endswith("17 judged, 0 failed, 0 not judged\n")


def test_secrets_are_in_no_history(tmp_path: Path) -> None:
    story = """\
name: A password
steps:
  - activate: ${cloud.code}
    expect:
      xconfig: { NetworkServices HTTP Proxy Password: "" }
      trace: { kind: machine, data.code: "${cloud.code}", times: 0 }
      within: 10s
"""
    (tmp_path / "story.yaml").write_text(story)
    assert run_app(["run", str(tmp_path / "story.yaml"), "--trace", str(tmp_path / "t.jsonl")]) == 0
    ends = [event for event in read_trace(tmp_path / "t.jsonl").events if event.kind == "step.end"]
    assert all(not {"seen", "given"} & event.data.keys() for event in ends)


# the parts


def condition(name: str) -> StateCondition:
    """Make a condition on a state."""
    return StateCondition(Place("x.yaml", 1, 1), name, lambda view, device: None, Literal(1))


def remembered(what: Seen) -> Remembered:
    """Write down what was seen, and read it again."""
    event = Event(
        n=9, t=9, at="", who="runner", kind="step.end", peer=None, id=None, cause=None, step=None, label=None,
        data=json.loads(json.dumps(what.data())),
    )  # fmt: skip
    return Remembered(event)


def test_values_are_kept_when_they_change() -> None:
    at = [Moment(1, 10)]
    kept = Seen(lambda: at[0])
    for n, value in ((1, 0), (2, 0), (3, MISSING), (5, 0.5)):
        at[0] = Moment(n, 10 * n)
        kept.state(condition("x"), value)
    assert kept.data() == {
        "seen": [
            {
                "of": "x",
                "values": [
                    {"n": 1, "t_us": 10, "value": 0},
                    {"n": 3, "t_us": 30},
                    {"n": 5, "t_us": 50, "value": {"float": "0.5"}},
                ],
            }
        ]
    }
    again = remembered(kept)
    found = [again.value(condition("x"), Moment(n, 10 * n)) for n in range(1, 7)]
    assert found == [0, 0, MISSING, MISSING, 0.5, 0.5]
    with pytest.raises(NotSeen, match="nobody had looked at x by then"):
        again.value(condition("x"), Moment(0, 5))
    with pytest.raises(NotSeen, match="nobody looked at y"):
        again.value(condition("y"), Moment(9, 90))


def test_what_is_kept_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "VALUES_MAX", 2)
    monkeypatch.setattr(seen, "STATES_MAX", 1)
    at = [Moment(0, 0)]
    kept = Seen(lambda: at[0])
    for n in range(4):
        at[0] = Moment(n, n)
        kept.state(condition("x"), n)
        kept.state(condition("y"), n)
    [state] = kept.data()["seen"]
    assert (len(state["values"]), state["more"]) == (2, 2)
    again = remembered(kept)
    assert again.value(condition("x"), Moment(0, 0)) == 0
    with pytest.raises(NotSeen, match="x changed more than 2 times"):
        again.value(condition("x"), Moment(3, 3))


def test_a_secret_member_can_be_there_and_not_be_compared() -> None:
    found = unpacked(packed([{"Password": "sesame", "HostKey": "", "Title": "x"}]))
    assert found[0]["HostKey"] == ""
    assert isinstance(found[0]["Password"], Untold)
    assert "sesame" not in str(packed([{"Password": "sesame"}]))
    subject = Subject(found[0]["Password"], "", lambda template: None)
    with pytest.raises(NotSeen, match="Password is secret"):
        Telling(Literal("sesame")).check(subject)
    assert Telling(Literal(1)).check(Subject(1, "", lambda template: None)) == ()


@pytest.mark.parametrize(
    "name", ["xconfig NetworkServices HTTP Proxy Password", "cloud code.review.secret", "xconfig X Token"]
)
def test_states_that_are_secret_by_name_are_not_kept(name: str) -> None:
    kept = Seen(lambda: Moment(1, 1))
    kept.state(condition(name), "sesame")
    assert kept.data() == {}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_is_kept_comes_back(value: object) -> None:
    assert unpacked(json.loads(json.dumps(packed(value)))) == value


@given(st.floats(allow_nan=False))
@example(0.4350000000000023)
def test_no_number_looks_like_a_secret(value: float) -> None:
    told = packed(value)
    assert not SECRET.search(told["float"])
    assert unpacked(told) == pytest.approx(value, rel=1e-14)

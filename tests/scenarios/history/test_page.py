"""The HTML page of a history: one file, that loads nothing and in which nothing of a trace is markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from scenarios.runner.history import page
from scenarios.runner.history.page import TooMuch, html
from scenarios.runner.history.reader import read_trace
from scenarios.runner.history.selection import Selection

from .old import TRACE, history


class Parts(HTMLParser):
    """The tags of a page with their attributes, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.tags[-1][0], data))


def data_of(text: str) -> dict[str, Any]:
    found = next(data for tag, data in Parts(text).texts if tag == "script" and data.lstrip().startswith("{"))
    return dict(json.loads(found))


def test_every_event_and_every_line_is_in_the_page() -> None:
    read = read_trace(TRACE)
    data = data_of(html(read, Selection()))
    assert data["events"] == [json.loads(event.as_json()) for event in read.events]
    assert len(data["rows"]) == len(data["led"]) == len(read.events)
    assert data["header"]["hash"].startswith("a5cb99f6")
    asked = next(line for line in data["ladder"] if data["events"][line[0]]["n"] == 317)
    assert asked[1:] == ["GET calendarEvents", "right", "200", "message"]
    place = {event["n"]: index for index, event in enumerate(data["events"])}
    assert data["led"][place[317]] == place[304]


def test_a_piece_knows_only_its_own_events() -> None:
    data = data_of(html(read_trace(TRACE), Selection(steps=(1, 1))))
    assert {event["step"] for event in data["events"]} == {1}
    assert all(-1 <= cause < index for index, cause in enumerate(data["led"]))
    assert data["header"]["all"] == 413


def test_it_loads_nothing_and_lets_nothing_else_run() -> None:
    text = html(read_trace(TRACE), Selection())
    parts = Parts(text)
    assert not [tag for tag, attributes in parts.tags if {"src", "href", "onclick", "onload"} & set(attributes)]
    policy = next(one["content"] for _, one in parts.tags if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for tag, opening in (("style", "<style>"), ("script", "<script>")):
        body = text[text.index(opening) + len(opening) : text.index(f"</{tag}>", text.index(opening))]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"innerHTML|insertAdjacent|document\.write|eval\(", text[text.index("<script>") :])


def test_what_a_peer_sent_is_no_markup() -> None:
    evil = "</script><script>alert(1)</script><!--"
    made = history({"kind": evil, "who": evil, "data": {evil: evil, "%%SCRIPT%%": "%%DATA%%"}}, scenario=evil)
    text = html(made, Selection())
    data = data_of(text)
    assert data["events"][0]["data"] == {evil: evil, "%%SCRIPT%%": "%%DATA%%"}
    assert [tag for tag, _ in Parts(text).tags].count("script") == 2
    assert data["header"]["scenario"] == evil


def test_too_many_events_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE_EVENTS_MAX", 100)
    with pytest.raises(TooMuch, match="413 events are too many for a page, at most 100: narrow it with --from"):
        html(read_trace(TRACE), Selection())
    assert html(read_trace(TRACE), Selection(steps=(1, 1)))

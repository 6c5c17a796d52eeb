"""The page of a trace in a real browser: it opens from a file, without a network, and finds, filters and follows causes."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from running_device import ROOT, needs, run

from scenarios.runner.history.page import html
from scenarios.runner.history.reader import read_trace
from scenarios.runner.history.selection import Selection

pytestmark = pytest.mark.client

TRACE = ROOT / "tests" / "data" / "traces" / "format-1.0.jsonl"
DRIVER = """
import json, shutil, sys
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    wrong, asked = [], []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url.split("#")[0]))
    count = lambda: page.inner_text("#count")
    found = {}
    page.goto(sys.argv[1])
    found["title"], found["start"] = page.inner_text("h1"), count()
    found["steps"] = page.locator("#steps li").all_inner_texts()
    found["arrow"] = page.locator(".row .arrow.right").count() > 0
    page.fill("#search", "calendarEvents 503")
    page.locator("#count", has_text=" of ").wait_for()
    found["search"] = count()
    page.keyboard.press("Escape")
    page.click("[data-kind=fault]")
    found["faults"] = page.locator("#shown .row").all_inner_texts()
    page.click("#reset")
    found["reset"] = count()
    page.goto(sys.argv[1] + "#317")
    page.wait_for_selector("#details h3")
    found["event"] = page.inner_text("#details h3")
    found["causes"] = page.locator("#details .links").first.locator("b").all_inner_texts()
    page.locator("#details .links").first.get_by_text("#303").click()
    found["cause"], found["hash"] = page.inner_text("#details h3"), "#" + page.url.split("#")[1]
    found["shown"] = page.locator(".row.selected").inner_text()
    page.keyboard.press("c")
    found["back"] = page.inner_text("#details h3")
    page.keyboard.press("Escape")
    found["closed"] = page.locator("#details").is_hidden()
    page.check("#each")
    found["each"] = count()
    page.keyboard.press("/")
    found["focus"] = page.locator(":focus").get_attribute("id")
    browser.close()
    print(json.dumps({**found, "wrong": wrong, "asked": sorted(set(asked))}))
"""


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    needs("chromium")
    if find_spec("playwright") is None:
        pytest.skip("NOT TESTED: playwright, which is in requirements/dev.txt, is not installed: run `make test`")
    file = tmp_path / "trace.html"
    file.write_text(html(read_trace(TRACE), Selection()), encoding="utf-8")
    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    ran = run([sys.executable, tmp_path / "driver.py", file.as_uri()], dict(os.environ))
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["wrong"] == []
    assert found["asked"] == [file.as_uri()]
    assert found["title"] == "The websocket dies, and no meeting is lost"
    assert found["start"].endswith(" lines, 413 events")
    assert [step.split()[0] for step in found["steps"]] == ["1", "2", "3"]
    assert found["arrow"]
    assert found["search"] == "4 of 413 events"  # both answers, on both sides
    assert [row.split()[-1] for row in found["faults"]] == ["#281", "#341", "#385", "#393"]
    assert found["reset"] == found["start"]
    assert found["event"].split() == ["#317", "http.request"]
    assert found["causes"][-2:] == ["#304", "#317"]
    assert (found["cause"].split()[0], found["hash"]) == ("#303", "#303")
    assert "mercury.buffer_state" in found["shown"]
    assert found["back"].split()[0] == found["causes"][-4]
    assert found["closed"]
    assert found["each"] == "413 of 413 events"
    assert found["focus"] == "search"

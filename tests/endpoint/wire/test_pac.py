"""PAC scripts: what they are told, what they may name, and what they must not do."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint.wire import pac
from endpoint.wire.pac import PacError, Surroundings, check_script, decode_script, find_proxies

MONDAY = Surroundings(round(datetime(2026, 3, 2, 8, 50, 30, tzinfo=UTC).timestamp() * 1000), 120, "10.1.2.3")
NAMES = {"inside.test": "10.20.30.40", "u2c-a.wbx2.test": "192.0.2.1"}


def is_true(condition: str, around: Surroundings = MONDAY) -> bool:
    script = f'function FindProxyForURL(url, host) {{ return {condition} ? "PROXY yes.test:1" : "PROXY no.test:1"; }}'
    (way,) = find_proxies(script, "https://u2c-a.wbx2.test/", around, NAMES.get)
    assert way is not None
    return way.host == "yes.test"


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("isPlainHostName('www')", True),
        ("isPlainHostName('www.a.test')", False),
        ("dnsDomainIs(host, '.wbx2.test')", True),
        ("dnsDomainIs('wbx2.test', '.wbx2.test')", False),
        ("localHostOrDomainIs('www', 'www.a.test')", True),
        ("localHostOrDomainIs('home.a.test', 'www.a.test')", False),
        ("isResolvable('inside.test')", True),
        ("isResolvable('nobody.test')", False),
        ("isInNet('inside.test', '10.20.0.0', '255.255.0.0')", True),
        ("isInNet('10.21.0.1', '10.20.0.0', '255.255.0.0')", False),
        ("isInNet('nobody.test', '0.0.0.0', '0.0.0.0')", False),
        ("dnsResolve('inside.test') === '10.20.30.40'", True),
        ("myIpAddress() === '10.1.2.3'", True),
        ("dnsDomainLevels('www.a.test') === 2", True),
        ("convert_addr('192.0.2.1') === 3221225985", True),
        ("shExpMatch(url, 'https://*.wbx2.test/*')", True),
        ("shExpMatch('a.b', 'a?b')", True),
        ("shExpMatch('axb', 'a.b')", False),
        ("shExpMatch('" + "a" * 60 + "', '" + "*a" * 30 + "b')", False),
        ("weekdayRange('MON')", True),
        ("weekdayRange('SAT', 'MON')", True),
        ("weekdayRange('TUE', 'FRI')", False),
        ("timeRange(10)", True),  # local: 10:50
        ("timeRange(8, 9, 'GMT')", True),
        ("timeRange(8, 10)", True),  # browsers take in the whole of the last hour
        ("timeRange(8, 9)", False),
        ("timeRange(22, 10)", True),
        ("timeRange(11, 9)", False),
        ("timeRange(8, 45, 8, 55, 'GMT')", True),
        ("timeRange(22, 0, 11, 0)", True),
        ("timeRange(8, 50, 30, 8, 50, 31, 'GMT')", True),
        ("dateRange(2)", True),
        ("dateRange('MAR')", True),
        ("dateRange(2026)", True),
        ("dateRange(1, 15)", True),
        ("dateRange('APR', 'DEC')", False),
        ("dateRange('NOV', 'MAR')", True),
        ("dateRange(1, 'MAR', 31, 'MAR')", True),
        ("dateRange(1, 'JAN', 2025, 31, 'DEC', 2025)", False),
        ("dateRange('JAN', 2026, 'JUN', 2026)", True),
        ("new Date().getTime() === 1772441430000", True),
        ("new Date() instanceof Date && Date.now() === 1772441430000", True),
        ("new Date(0).getTime() === 0", True),
    ],
)
def test_functions_that_scripts_may_call(condition: str, wanted: bool) -> None:
    assert is_true(condition) is wanted


def test_chance_is_the_callers() -> None:
    throw = "Math.random() < 0.5"
    found = {chance: is_true(throw, Surroundings(0, chance=chance)) for chance in (0.1, 0.2, 0.3, 0.4, 0.6, 0.9)}
    assert found == {chance: is_true(throw, Surroundings(0, chance=chance)) for chance in found}
    assert set(found.values()) == {True, False}


@pytest.mark.parametrize(
    ("answer", "ways"),
    [
        ("'DIRECT'", [None]),
        ("''", [None]),
        ("null", [None]),
        ("'PROXY a.test:3128; DIRECT'", [("a.test", 3128), None]),
        ("'proxy a.test; HTTP b.test:1;'", [("a.test", 80), ("b.test", 1)]),
        ("'SOCKS5 s.test:1080; HTTPS t.test:443; PROXY a.test:1'", [("a.test", 1)]),
    ],
)
def test_what_a_script_may_name(answer: str, ways: list[tuple[str, int] | None]) -> None:
    script = f"function FindProxyForURL(url, host) {{ return {answer}; }}"
    assert list(find_proxies(script, "https://a.test/", MONDAY, NAMES.get)) == ways


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("function FindProxyForURL(", "script error: SyntaxError"),
        ("<html>404</html>", "script error: SyntaxError"),
        ("var x = 1;", "no FindProxyForURL"),
        ("function FindProxyForURL() { while (true) {} }", "script takes more than 1 s"),
        (
            "function FindProxyForURL() { try { while (true) {} } catch (e) { return 'DIRECT'; } }",
            "script takes more than",
        ),
        ("function FindProxyForURL() { return FindProxyForURL(); }", "script error: too much recursion"),
        (
            "function FindProxyForURL() { const a = []; while (true) a.push('x'.repeat(1e6) + a.length); }",
            "script error",
        ),
        ("JSON.stringify = function () { return '[1, 2]'; }; function FindProxyForURL() {}", "script error: no answer"),
        ("function FindProxyForURL() {}\0", "script error: not a text"),
        ("function FindProxyForURL() { return nothing; }", "script error: ReferenceError"),
        ("function FindProxyForURL() { return 'SOCKS s.test:1080'; }", "no way that the device can go"),
    ],
)
def test_a_script_that_cannot_be_used_says_why_and_nothing_else_happens(script: str, reason: str) -> None:
    def use() -> None:
        check_script(script)
        find_proxies(script, "https://a.test/", MONDAY, NAMES.get)

    with pytest.raises(PacError, match=reason) as failure:
        use()
    assert str(failure.value).isprintable()


def test_names_are_asked_for_once_and_not_without_end() -> None:
    asked: list[str] = []
    script = "function FindProxyForURL() { for (let i = 0; i < 99; i++) dnsResolve('n' + i); return 'DIRECT'; }"
    assert find_proxies(script, "https://a.test/", MONDAY, asked.append) == (None,)
    assert len(asked) == len(set(asked)) == pac.RESOLVED_MAX


def test_a_script_has_no_door_to_the_outside() -> None:
    for name in ("require", "process", "fetch", "XMLHttpRequest", "std", "os", "setTimeout"):
        assert is_true(f"typeof {name} === 'undefined'"), name


def test_bytes_of_a_script() -> None:
    assert decode_script("\ufeffé".encode()) == "é"
    assert decode_script(b"\xe9") == "é"
    with pytest.raises(PacError, match="more than 256 KiB"):
        decode_script(b"x" * (pac.SCRIPT_BYTES_MAX + 1))


@settings(max_examples=50)
@given(st.text(max_size=60), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_any_script_and_any_answer(script: str, answer: str) -> None:
    for text in (script, f"function FindProxyForURL() {{ return {json.dumps(answer)}; }}"):
        try:
            check_script(text)
            ways = find_proxies(text, "https://a.test/", MONDAY, NAMES.get)
        except PacError:
            continue
        else:
            assert 0 < len(ways) <= pac.ENTRIES_MAX

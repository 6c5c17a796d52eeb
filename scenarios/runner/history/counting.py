"""What a history amounts to: events by kind and actor, requests by service with their virtual durations, faults, silences."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from endpoint.runtime.trace import Event, trace_hash
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.history.reader import History

STATS_VERSION: Final = "1.0"
GAPS_SHOWN: Final = 5
"""Longest silences that are told."""
PERCENTILES: Final = (50, 95, 99)


def stats(history: History) -> dict[str, Any]:
    """Count a history; instants and durations are microseconds of virtual time.

    Members: `roomsim_stats` (version of this form; members are only added), `file`, `scenario`, `trace_hash`, `events`, `from_us`, `to_us`,
    `kinds` and `actors` (counts), `services` (requests of devices: `requests`, `answers` by status, `failed`, `unanswered`, `took_us`),
    `frames` (of the notification channel, by direction and type), `faults`, `steps`, `gaps`.
    """
    events = history.events
    return {
        "roomsim_stats": STATS_VERSION,
        "file": history.file,
        "scenario": history.header.scenario,
        "trace_hash": trace_hash(events),
        "events": len(events),
        "from_us": events[0].t if events else 0,
        "to_us": max((event.t for event in events), default=0),
        "kinds": _counts(event.kind for event in events),
        "actors": _counts(actor(event.who) for event in events),
        "services": services(events),
        "frames": _frames(events),
        "faults": faults(events),
        "steps": _steps(events),
        "gaps": gaps(events),
    }


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def actor(who: str) -> str:
    """Return under which name an actor is counted: media nodes together, there may be hundreds."""
    return "node" if who.startswith("node:") else who


def percentile(sorted_values: Sequence[int], share: int) -> int:
    """Return the smallest value that at least `share` percent of the values do not exceed (nearest rank)."""
    return sorted_values[max(0, -(-share * len(sorted_values) // 100) - 1)]


def services(events: Iterable[Event]) -> dict[str, dict[str, Any]]:
    """Count the requests that devices made, by service: how they ended, and how long that took."""
    open_: dict[tuple[str, str | int], Event] = {}
    requests: Counter[str] = Counter()
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    failed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    took: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if not event.who.startswith("device:") or not event.kind.startswith("http."):
            continue
        if event.kind == "http.request":
            requests[_service(event)] += 1
            open_[event.who, event.id or event.n] = event
            continue
        keys = [(event.who, key) for key in (event.id, event.cause) if key is not None]
        asked = next((open_.pop(key) for key in keys if key in open_), None)
        if asked is None:
            continue
        name = _service(asked)
        took[name].append(event.t - asked.t)
        if event.kind == "http.response":
            answers[name][str(event.data.get("status", "?"))] += 1
        else:
            failed[name][str(event.data.get("failed", event.kind))] += 1
    unanswered = Counter(_service(event) for event in open_.values())
    return {
        name: {
            "requests": requests[name],
            "answers": dict(sorted(answers[name].items())),
            "failed": dict(sorted(failed[name].items())),
            "unanswered": unanswered[name],
            "took_us": _spread(sorted(took[name])),
        }
        for name in sorted(requests)
    }


def _service(event: Event) -> str:
    peer = event.peer or ""
    return str(event.data.get("service") or peer.removeprefix("cloud:") or event.data.get("host") or "?")


def _spread(values: Sequence[int]) -> dict[str, int]:
    if not values:
        return {}
    return {f"p{share}": percentile(values, share) for share in PERCENTILES} | {"max": values[-1]}


def _frames(events: Iterable[Event]) -> dict[str, dict[str, int]]:
    """Count the frames as devices sent and received them."""
    found: dict[str, Counter[str]] = {"sent": Counter(), "received": Counter()}
    for event in events:
        if event.who.startswith("device:") and event.kind in ("ws.send", "ws.recv"):
            name = event.data.get("eventType") or event.data.get("type") or "frame"
            found["sent" if event.kind == "ws.send" else "received"][str(name)] += 1
    return {side: _counts(counts.elements()) for side, counts in found.items()}


def faults(events: Iterable[Event]) -> list[dict[str, Any]]:
    """List the faults in the order in which they were armed: how often each bit, and until when it held (None: to the end)."""
    found: list[dict[str, Any]] = []
    armed: dict[str, dict[str, Any]] = {}
    for event in events:
        name = str(event.data.get("id"))
        if event.kind in ("fault.armed", "fault.struck"):
            row = {
                "id": name, "on": event.data.get("on"), "do": event.data.get("do"), "n": event.n, "from_us": event.t,
                "to_us": event.t if event.kind == "fault.struck" else None,
                "bites": int(event.data.get("hit") is True), "first_bite_us": None,
            }  # fmt: skip
            found.append(row)
            if event.kind == "fault.armed":
                armed[name] = row
        elif event.kind == "fault.bit" and name in armed:
            armed[name]["bites"] += 1
            if armed[name]["first_bite_us"] is None:
                armed[name]["first_bite_us"] = event.t
        elif event.kind == "fault.healed" and name in armed:
            armed.pop(name)["to_us"] = event.t
    return found


def _steps(events: Iterable[Event]) -> list[dict[str, Any]]:
    """List the steps as they were run; one that is run several times stands there as often."""
    found: list[dict[str, Any]] = []
    open_: dict[str, dict[str, Any]] = {}
    for event in events:
        name = str(event.data.get("step"))
        if event.kind == "step.start":
            open_[name] = {
                "step": name, "title": event.data.get("title", ""), "n": event.n, "from_us": event.t, "to_us": None,
                "result": "open",
            }  # fmt: skip
            found.append(open_[name])
        elif event.kind in ("step.end", "step.failed") and name in open_:
            open_[name] |= {"to_us": event.t, "result": "done" if event.kind == "step.end" else "failed"}
            del open_[name]
    return found


def gaps(events: Sequence[Event]) -> list[dict[str, int]]:
    """Return the longest silences: from which event to which, and how long; the longest first."""
    spans = [(after.t - before.t, -before.n, after.n) for before, after in itertools.pairwise(events)]
    longest = sorted(spans, reverse=True)
    return [
        {"took_us": took, "after": -before, "until": until} for took, before, until in longest[:GAPS_SHOWN] if took > 0
    ]


# ---- for people ----------------------------------------------------------------------------------------------------


def lines(found: Mapping[str, Any]) -> list[str]:
    """Print what was counted."""
    span = _s(found["to_us"] - found["from_us"])
    out = [
        f"{found['scenario']}",
        f"{found['events']} events in {span}   hash {found['trace_hash'][:16]}",
        "",
        "events by kind",
    ]
    out += _columns(found["kinds"])
    out += ["", "events by actor", *_columns(found["actors"])]
    out += ["", *_table_of_services(found["services"])]
    for side, counts in found["frames"].items():
        if counts:
            out += ["", f"frames that devices {side}", *_columns(counts)]
    if found["faults"]:
        out += ["", "faults"]
        out += [
            f"  {one['id']:<24} {one['on']} {one['do']}: {_times(one['bites'])}, {_s(one['from_us'])} to "
            f"{'the end' if one['to_us'] is None else _s(one['to_us'])}   #{one['n']}"
            for one in found["faults"]
        ]
    if found["steps"]:
        out += ["", "steps"]
        out += [
            f"  {one['step']:<10} {'' if one['to_us'] is None else _s(one['to_us'] - one['from_us']):>12}  "
            f"{'' if one['result'] == 'done' else one['result'].upper() + '  '}{one['title']}"
            for one in found["steps"]
        ]
    if found["gaps"]:
        out += ["", "longest silences"]
        out += [f"  {_s(one['took_us']):>12}  after #{one['after']} until #{one['until']}" for one in found["gaps"]]
    return out


def _table_of_services(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not found:
        return ["no device asked anything"]
    out = [f"requests of devices{'':<10}  {'count':>6}  {'p50':>10}  {'p95':>10}  {'p99':>10}  {'max':>10}  ended"]
    for name, one in found.items():
        spread = [_s(one["took_us"][key]) if one["took_us"] else "-" for key in ("p50", "p95", "p99", "max")]
        ended = [f"{status} x{count}" for status, count in {**one["answers"], **one["failed"]}.items()]
        ended += [f"no answer x{one['unanswered']}"] if one["unanswered"] else []
        out.append(
            f"  {name:<27}  {one['requests']:>6}  {'  '.join(f'{value:>10}' for value in spread)}  {', '.join(ended)}"
        )
    return out


def _columns(counts: Mapping[str, int]) -> list[str]:
    cells = [f"{count:>8} {name:<30}" for name, count in counts.items()]
    return ["".join(cells[at : at + 3]).rstrip() for at in range(0, len(cells), 3)]


def _s(us: int) -> str:
    return f"{us / MICROSECONDS:.3f}s"


def _times(count: int) -> str:
    return {0: "never bit", 1: "bit once"}.get(count, f"bit {count} times")

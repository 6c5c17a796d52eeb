"""docs/reference/scenario-language.md: the language as far as it is built, from its models and registries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloud_stub.state_query import KINDS
from scenarios.runner import (
    actions,
    call_actions,
    call_verbs,
    cloud_actions,
    cloud_verbs,
    device_verbs,
    fault_verbs,
    hybrid_actions,
    hybrid_verbs,
    world_verbs,
    xapi_actions,
    xapi_verbs,
)
from scenarios.runner.cloud_paths import OTHERS
from scenarios.runner.event_subjects import EVENT_SUBJECTS
from scenarios.runner.matcher_compiler import OPERATORS
from scenarios.runner.matchers import TYPES
from scenarios.runner.notyet import NOT_YET
from scenarios.runner.references import SERVICES
from scenarios.runner.schema import scenario_schema
from scenarios.runner.steps import LIMIT_KEYS, SUBJECTS
from scenarios.runner.subjects import DISCOVERY_KEYS
from scenarios.runner.values import When
from scenarios.runner.verbs import VERBS, Verb, unimplemented
from scenarios.runner.xapi_subjects import XAPI_SUBJECTS
from tests.tools import words
from tests.tools.markdown import code, first_sentences, page, table
from tests.tools.shapes import default, shape

ATTACHED = (actions, call_actions, cloud_actions, hybrid_actions, xapi_actions)
"""The modules whose import attaches what verbs do."""
SIDES = (
    ("device", device_verbs),
    ("xAPI and of people in the room", xapi_verbs),
    ("calls", call_verbs),
    ("cloud", cloud_verbs),
    ("calendars", hybrid_verbs),
    ("world and the flow", world_verbs),
    ("faults", fault_verbs),
)
INTRODUCTION = """
A scenario is a YAML file: a head, and a list of steps. A step has one verb, and says what must follow. `roomsim check` reads files without
running them; `roomsim schema` prints a JSON Schema for editors (`# yaml-language-server: $schema=...` in the first line of the shipped
scenarios points at it). Words that are not built yet are refused with the reason, they are listed at the end.

YAML is read like JSON: `true`, `false`, `null` and JSON numbers; everything else is text. Anchors, tags, merge keys, duplicate keys and
empty values are errors. The shortest complete file is in the [tutorial](../tutorial/first-scenario.md).
"""
VALUES = """
| value | how it is written |
| --- | --- |
| duration | `250ms`, `30s`, `1h30m`, `7d`; a bare number is an error |
| moment | an instant `2026-03-02T08:50:00Z`, an offset from now `+6m`, the next time of day in the device's zone `08:55` |
| percentage, size | `30%`; `64KiB`, `1300B` |
| xAPI path | words as on the command line of a device, in any case: `Webex Status`, `Call[*] Status` |
| reference | `${name}`; alone it keeps its type. `$${` is a literal `${`. Inside `{...}` or `[...]` put it in quotes |
"""
PARTS = """
A file that begins with `part` holds steps that scenarios share: `use: parts/online.yaml`; with values: `use: { file: ..., with: {...} }`.
It knows no `${vars.<name>}` but its own. Names that its steps make (saved values, faults, calls) are known after it. Parts may use parts,
four deep. A report names the step in the part, and where that is used.
"""
EXPECTATIONS = """
A map of subjects, all of which must hold. States must be true together at one instant; events happen between the start of the step and the
deadline.
"""
STATE = "`cloud` paths are `<kind>.<field>` (the record made last), `<kind>.<id>.<field>` or `<kind>.count`;"
MATCHERS = """
A literal matches itself: text exactly, numbers by value, a map when the named keys match, a list when length and order match. A map of
nothing but operators is an operator map.
"""


class Stale(Exception):
    """The words of a page and those of the code differ."""


def known(what: str, wanted: Iterable[str], told: Mapping[str, Any]) -> None:
    """Make sure that exactly the words of the language are told.

    Raises:
        Stale: one is missing, or one too many.
    """
    language = set(wanted)
    missing, extra = sorted(language - set(told)), sorted(set(told) - language)
    if missing or extra:
        raise Stale(f"tests/tools/words.py, {what}: missing {missing or 'nothing'}, too many {extra or 'nothing'}")


def scenario_language() -> str:
    """Return the page."""
    schema = scenario_schema()
    defs = schema["$defs"]
    return page(
        "Scenario language",
        INTRODUCTION,
        "## Values",
        VALUES,
        "References: " + references() + ".",
        "## The file",
        keys("FILE", defs["Scenario"]["properties"], words.FILE, defs["Scenario"]["required"]),
        "### clock",
        keys("CLOCK", defs["Clock"]["properties"], words.CLOCK),
        "### cloud",
        keys("CLOUD", defs["Cloud"]["properties"], words.CLOUD),
        "### cloud.media",
        keys("MEDIA", defs["Media"]["properties"], words.MEDIA),
        keys("MAILBOX", defs["Mailbox"]["properties"], words.MAILBOX),
        "### device",
        keys("DEVICE", defs["Device"]["properties"], words.DEVICE),
        "### checks",
        _checks(defs["Scenario"]["properties"]["checks"]["items"]["enum"]),
        "### Parts",
        PARTS,
        keys("PART", defs["Part"]["properties"], words.PART, defs["Part"]["required"]),
        "## Steps",
        "A step has exactly one verb, and any of these keys.",
        _step(defs["Step"]["properties"]),
        *(part for side in SIDES for part in _verbs(*side, defs["Step"]["properties"])),
        *_expectations(),
        "## Not built yet",
        "These words are part of the language, and refused until the part that they need is there.",
        _not_yet(),
    )


def _not_yet() -> str:
    reasons = dict.fromkeys(NOT_YET.values())
    rows = [(reason, code(*(word for word, why in NOT_YET.items() if why == reason))) for reason in reasons]
    return table(("why", "words"), rows)


def references() -> str:
    """List the names that `${...}` knows."""
    fixed = (
        "vars.<name>",
        "case.name",
        "saved.<name>",
        "cloud.code",
        "device.id",
        "device.name",
        "cloud.url.<service>",
    )
    services = f" with the services {code(*SERVICES)}"
    return code(*(f"${{{name}}}" for name in fixed)) + services


def keys(what: str, schemas: Mapping[str, Any], told: Mapping[str, str], required: Iterable[str] = ()) -> str:
    """Return the table of the keys of a map."""
    known(what, schemas, told)
    rows = [
        (code(name), shape(schema), "required" if name in required else default(schema), told[name])
        for name, schema in schemas.items()
    ]
    return table(("key", "value", "default", "meaning"), rows)


def _checks(names: list[str]) -> str:
    known("CHECKS", names, words.CHECKS)
    return table(("check", "meaning"), [(code(name), words.CHECKS[name]) for name in names])


def _step(schemas: Mapping[str, Any]) -> str:
    own = {name: schema for name, schema in schemas.items() if name not in VERBS}
    known("STEP", own, words.STEP)
    return table(("key", "meaning"), [(code(name), words.STEP[name]) for name in own])


def _verbs(side: str, module: Any, schemas: Mapping[str, Any]) -> list[str]:
    mine = {word: kind for word, kind in VERBS.items() if kind.__module__ == module.__name__}
    return [f"### Verbs of the {side}", *(_verb(word, kind, schemas[word]) for word, kind in mine.items())]


def _verb(word: str, kind: type[Verb], schema: Mapping[str, Any]) -> str:
    short = f" Short form: `{word}: <{kind.short}>`." if kind.short and not kind.whole else ""
    needs = f" Needs {code(*sorted(kind.needs))}." if kind.needs else ""
    later = " Not built yet." if word in unimplemented() else ""
    head = f"**`{word}`**: {first_sentences(kind.__doc__)} Done: {kind.done}.{short}{needs}{later}"
    if word == "fault":
        return head + " See [faults](faults.md)."
    rows = _arguments(kind, schema)
    return f"{head}\n\n{table(('key', 'value', 'default'), rows)}" if rows else head


def _arguments(kind: type[Verb], schema: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    form = next((one for one in schema.get("anyOf", (schema,)) if "properties" in one), None)
    if form is None:
        return []
    required = form.get("required", ())
    moments = {field.alias or name for name, field in kind.model_fields.items() if _is_moment(field.annotation)}
    return [
        (code(name), "moment" if name in moments else shape(one), "required" if name in required else default(one))
        for name, one in form["properties"].items()
    ]


def _is_moment(annotation: object) -> bool:
    return When.__name__ in str(annotation)


def _expectations() -> list[str]:
    known("SUBJECTS", SUBJECTS, words.SUBJECTS)
    known("LIMITS", LIMIT_KEYS, words.LIMITS)
    known("OPERATORS", OPERATORS, words.OPERATORS)
    subjects = [(code(name), *words.SUBJECTS[name]) for name in SUBJECTS]
    state = [(code(name), code(*kind.SHOWN)) for name, kind in KINDS.items()]
    state += [(code(name), code(*fields)) for name, fields in OTHERS.items()]
    anchors = "`step start`, the label of a step, `fault <id>`, or a lifecycle and its state: `mercury open`, `registration registered`"
    return [
        "## Expectations",
        EXPECTATIONS,
        table(("subject", "about", "value", "meaning"), subjects),
        "Beside the subjects:",
        table(("key", "meaning"), [(code(key), words.LIMITS[key]) for key in LIMIT_KEYS]),
        f"In event subjects ({code(*EVENT_SUBJECTS, *XAPI_SUBJECTS)}):",
        table(("key", "meaning"), [(code(key), meaning) for key, meaning in words.EVENT_LIMITS.items()]),
        f"Anchors are {anchors}. A discovery has {code(*DISCOVERY_KEYS)}.",
        "### State of the cloud",
        f"{STATE} {code(*OTHERS)} are computed, `call`, `peer`, `mailbox` and `metrics` for the one that came last, or one that is named:",
        "`mailbox.<device>.responses` is what the mailbox of the device's room did with each request, `peer.<address>.state` a far end.",
        table(("kind", "fields"), state),
        "### Matchers",
        MATCHERS,
        table(("operator", "meaning"), [(code(name), words.OPERATORS[name]) for name in OPERATORS]),
        f"Forms that `type` knows: {code(*TYPES)}.",
    ]

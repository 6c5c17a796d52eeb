"""From trees to steps and expectations."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from scenarios.runner import call_verbs, cloud_verbs, device_verbs, fault_verbs, hybrid_verbs, world_verbs, xapi_verbs
from scenarios.runner.call_subjects import CALL_SUBJECTS
from scenarios.runner.conditions import Condition, Expectation, Never
from scenarios.runner.event_subjects import EVENT_SUBJECTS, read_anchor
from scenarios.runner.event_types import check_event_type
from scenarios.runner.fields import read_flag
from scenarios.runner.meter_subjects import METER_SUBJECTS
from scenarios.runner.model import Step, StepFrame
from scenarios.runner.notyet import not_yet
from scenarios.runner.parts import Library, Part
from scenarios.runner.problems import Place, Problems
from scenarios.runner.references import Scope
from scenarios.runner.subjects import STATE_SUBJECTS, Compile, Context
from scenarios.runner.validation import check, keys_of, value_place
from scenarios.runner.values import read_duration
from scenarios.runner.verbs import VERBS, Used, Verb
from scenarios.runner.wellness import compile_well
from scenarios.runner.why_subject import compile_why
from scenarios.runner.xapi_checks import check_verb
from scenarios.runner.xapi_subjects import XAPI_SUBJECTS
from scenarios.runner.xapi_verbs import ANY_WIDGET, BUTTONS, commands_of
from scenarios.runner.yamltree import Entry, Mapping, Node, Scalar, Sequence, kind_of, plain

DECLARED: Final = (device_verbs, xapi_verbs, call_verbs, cloud_verbs, hybrid_verbs, world_verbs, fault_verbs)
"""The modules whose import fills the registry."""
SUBJECTS: Final[dict[str, Compile]] = {
    **STATE_SUBJECTS,
    **CALL_SUBJECTS,
    "why": compile_why,
    "well": compile_well,
    **EVENT_SUBJECTS,
    **XAPI_SUBJECTS,
    **METER_SUBJECTS,
}
"""Every subject and how it is compiled; other packages add theirs."""
LIMIT_KEYS: Final = ("within", "not_before", "for", "optional")
_BUILT_KEYS: Final = ("expect", "never", "meanwhile")
_NOT_IN_MEANWHILE: Final = ("expect", "never", "meanwhile", "save")


class _Limits(NamedTuple):
    within_s: float | None
    not_before_s: float | None
    for_s: float | None
    is_optional: bool


class StepBuilder:
    """Builds the steps of one scenario in the order in which they run, so that names are known from where they are made."""

    def __init__(
        self, problems: Problems, scope: Scope, context: Context, devices: tuple[str, ...], library: Library, file: str
    ) -> None:
        self._problems = problems
        self._scope = scope
        self._context = context
        self._devices = devices
        self._library = library
        self._files: tuple[str, ...] = (file,)
        """The scenario, and the parts inside one another that are being read."""
        self._uses: tuple[Place, ...] = ()
        """Where they are used."""
        self._device_of_use: str | None = None

    def steps(self, node: Node, prefix: str = "", *, is_meanwhile: bool = False) -> tuple[Step, ...]:
        """Build a list of steps; those that are wrong are left out, and among the problems."""
        if not isinstance(node, Sequence):
            self._problems.add(node.at, f"write a list of steps, not {kind_of(node)}")
            return ()
        built = [self._step(item, f"{prefix}{n}", is_meanwhile) for n, item in enumerate(node.items, 1)]
        return tuple(step for step in built if step is not None)

    def _step(self, node: Node, number: str, is_meanwhile: bool) -> Step | None:
        if not isinstance(node, Mapping):
            self._problems.add(node.at, f"a step is a map with a verb, not {kind_of(node)}")
            return None
        self._report_strangers(node, is_meanwhile)
        frame_keys = keys_of(StepFrame)
        filled = [self._filled(entry) for entry in node.entries if entry.key in frame_keys]
        frame = check(StepFrame, Mapping(tuple(filled), node.at), self._problems)
        verb = self._verb_entry(node)
        if verb is None or frame is None:
            return None
        args = self._verb(verb, number)
        if isinstance(args, world_verbs.Use):
            args = self._part(args, verb, number, frame.device)
        if frame.label is not None:
            self._context.labels.add(frame.label)
        inner = node.get("meanwhile")
        meanwhile = self.steps(inner.node, f"{number}.", is_meanwhile=True) if inner is not None else ()
        self._context.asked = commands_of([args, *(one.args for one in meanwhile)])
        expect, never = node.get("expect"), node.get("never")
        expectations = self._expectations(expect.node) if expect is not None else ()
        forbidden = self.never(never.node) if never is not None else None
        self._context.asked = None
        for name in frame.save:
            self._scope.save(name)
        if args is None:
            return None
        title = frame.name or _title(verb)
        device = self._device(frame, node, args)
        save = tuple(frame.save.items())
        return Step(
            node.at,
            number,
            title,
            args,
            device,
            expectations,
            forbidden,
            meanwhile,
            save,
            frame.label,
            frame.modes,
            self._uses,
        )

    def _report_strangers(self, node: Mapping, is_meanwhile: bool) -> None:
        known = [*VERBS, *keys_of(StepFrame), *_BUILT_KEYS]
        for entry in node.entries:
            if entry.key not in known:
                later = not_yet("verb", entry.key) or not_yet("step", entry.key)
                if later is not None:
                    self._problems.add(entry.at, later)
                else:
                    self._problems.unknown(entry.at, f"unknown verb or key `{entry.key}`", entry.key, known)
            elif is_meanwhile and entry.key in _NOT_IN_MEANWHILE:
                self._problems.add(entry.at, f"a step under `meanwhile` has no `{entry.key}`")

    def _verb_entry(self, node: Mapping) -> Entry | None:
        verbs = [entry for entry in node.entries if entry.key in VERBS]
        if len(verbs) == 1:
            return verbs[0]
        strangers = [e for e in node.entries if e.key not in (*VERBS, *keys_of(StepFrame), *_BUILT_KEYS)]
        if verbs or not strangers:  # a stranger was reported already, and was meant to be the verb
            found = " and ".join(entry.key for entry in verbs) or "none"
            self._problems.add(node.at, f"a step has exactly one verb, found {found}")
        return None

    def _verb(self, entry: Entry, number: str) -> Verb | None:
        """Read the arguments of a verb, and note the names that it makes and uses."""
        kind = VERBS[entry.key]
        arranged = kind.arrange(entry.node if kind.built else self._scope.fill(entry.node, self._problems))
        built: dict[str, object] = {}
        if kind.built and isinstance(arranged, Mapping):
            before = len(self._problems)
            for one in arranged.entries:
                if one.key in kind.built:
                    built[one.key] = self._build(kind.built[one.key], one.node, number)
            arranged = Mapping(tuple(e if e.key in built else self._filled(e) for e in arranged.entries), arranged.at)
            if len(self._problems) > before:
                return None
        args = check(kind, arranged, self._problems, built)
        if args is None:
            return None
        for defined in args.defines():
            if defined.kind == "saved":
                self._scope.save(defined.name)
            else:
                self._context.made(defined.kind).add(defined.name)
        for used in args.uses():
            self._check_used(used, value_place(arranged, used.path))
        check_verb(args, arranged, self._context.table, self._problems)
        return args

    def _check_used(self, used: Used, place: Place) -> None:
        if used.kind == "anchor":
            read_anchor(self._context, Scalar(used.name, place))
        elif used.kind == "device":
            if used.name not in self._devices:
                self._problems.unknown(place, f"no device is named `{used.name}`", used.name, self._devices)
        elif used.kind == "event":
            check_event_type(self._problems, Scalar(used.name, place), self._context.sent)
        elif used.kind == "widget":
            made = self._context.widgets
            if not {used.name, ANY_WIDGET} & made:
                message = f"nothing that is put up before this is called `{used.name}`"
                self._problems.unknown(place, message, used.name, {*made, *BUTTONS})
        elif used.name not in self._context.made(used.kind):
            known = {*self._context.made(used.kind), *(("all",) if used.kind == "fault" else ())}
            self._problems.unknown(place, f"no {used.kind} before this is named `{used.name}`", used.name, known)

    def _build(self, what: str, node: Node, number: str) -> object:
        if what == "steps":
            return self.steps(node, f"{number}.")
        if what == "together":
            return self._together(node, number)
        return self.expectation(node, within_s=world_verbs.WAIT_DEFAULT_S)

    def _together(self, node: Node, number: str) -> tuple[Step, ...]:
        """Build steps of one instant: what one of them saves, the others cannot know yet."""
        if not isinstance(node, Sequence):
            return self.steps(node)
        outer = self._scope
        asides = [outer.aside() for _ in node.items]
        built: list[Step | None] = []
        for index, (item, aside) in enumerate(zip(node.items, asides, strict=True), 1):
            self._scope = aside
            built.append(self._step(item, f"{number}.{index}", is_meanwhile=False))
        self._scope = outer
        for aside in asides:
            outer.join(aside)
        return tuple(step for step in built if step is not None)

    def _part(self, use: world_verbs.Use, entry: Entry, number: str, device: str | None) -> world_verbs.Use | None:
        """Build the steps of a part; what is wrong in it is a problem in both files."""
        at = value_place(use.arrange(entry.node), ("file",))
        problems = Problems()
        part = self._library.open(use.file, at, self._files, problems)
        steps: tuple[Step, ...] = ()
        if part is not None:
            scope = self._scope_of(part, use, entry, problems)
            inner = StepBuilder(
                problems, scope, replace(self._context, problems=problems), self._devices, self._library, part.file
            )
            inner._files, inner._uses = (*self._files, part.file), (*self._uses, at)
            inner._device_of_use = device or self._device_of_use
            listed = part.root.get("steps")
            steps = inner.steps(listed.node, f"{number}.") if listed is not None else ()
            if not steps and not problems:
                problems.add(part.root.at, "a part has at least one step")
        if not problems:
            return use.filled(steps)
        self._problems.take(problems)
        elsewhere = [one for one in problems.problems if one.file != at.file]
        if elsewhere:
            self._problems.add(at, f"`{use.file}` cannot be used so: see {elsewhere[0].place}")
        return None

    def _scope_of(self, part: Part, use: world_verbs.Use, entry: Entry, problems: Problems) -> Scope:
        """Give a part its values: those of `with`, and its own where that has none."""
        arranged = use.arrange(entry.node)
        given = arranged.get("with") if isinstance(arranged, Mapping) else None
        names = {*part.head.required, *part.head.vars}
        for one in given.node.entries if given is not None and isinstance(given.node, Mapping) else ():
            if one.key not in names:
                problems.unknown(one.at, f"{part.file} takes no `{one.key}`", one.key, names)
        for name in part.head.required:
            if name not in use.with_:
                problems.add(value_place(arranged, ("with",)), f"{part.file} needs `{name}`: write it under `with`")
        defaults = part.root.get("vars")
        values: dict[str, object] = {}
        if defaults is not None and isinstance(defaults.node, Mapping):
            filled = self._scope.inside({}).fill(defaults.node, problems)
            assert isinstance(filled, Mapping), "filling keeps a map"
            values = {one.key: plain(one.node) for one in filled.entries}
        return self._scope.inside({**dict.fromkeys(part.head.required, ""), **values, **use.with_})

    def _filled(self, entry: Entry) -> Entry:
        return Entry(entry.key, entry.at, self._scope.fill(entry.node, self._problems))

    def _device(self, frame: StepFrame, node: Mapping, args: Verb) -> str:
        if not self._devices:
            return ""
        if frame.device is None:
            if self._device_of_use is not None:
                return self._device_of_use
            if args.acts_on_device and len(self._devices) > 1:
                self._problems.add(node.at, f"write which device: {', '.join(self._devices)}")
            return self._devices[0]
        entry = node.get("device")
        if frame.device not in self._devices and entry is not None:
            if frame.device == "*" or "[" in frame.device:
                self._problems.add(entry.node.at, "not built yet: several devices in one step: it comes with fleets")
            else:
                message = f"no device is named `{frame.device}`"
                self._problems.unknown(entry.node.at, message, frame.device, self._devices)
        return frame.device

    def _expectations(self, node: Node) -> tuple[Expectation, ...]:
        nodes = node.items if isinstance(node, Sequence) else (node,)
        if not nodes:
            self._problems.add(node.at, "a list of expectations has at least one")
        return tuple(self.expectation(one) for one in nodes)

    def expectation(self, node: Node, *, within_s: float | None = None) -> Expectation:
        """Build an expectation; `within_s` is its deadline when it names none. What is wrong is among the problems."""
        if not isinstance(node, Mapping):
            self._problems.add(node.at, f"an expectation is a map of subjects, not {kind_of(node)}")
            return Expectation(node.at, ())
        filled = Mapping(tuple(self._filled(entry) for entry in node.entries), node.at)
        before = len(self._problems)
        limits = self._limits(filled)
        conditions = self._conditions(filled, LIMIT_KEYS)
        if not conditions and len(self._problems) == before:
            self._problems.add(node.at, "an expectation names at least one subject")
        if limits.within_s is not None:
            within_s = limits.within_s
        if limits.not_before_s is not None and within_s is not None and limits.not_before_s > within_s:
            self._problems.add(node.at, "`not_before` is later than `within`")
        return Expectation(node.at, conditions, within_s, limits.not_before_s, limits.for_s, limits.is_optional)

    def never(self, node: Node) -> Never:
        """Build what must not be; what is wrong is among the problems."""
        if not isinstance(node, Mapping):
            self._problems.add(node.at, f"`never` is a map of subjects, not {kind_of(node)}")
            return Never(node.at, ())
        filled = Mapping(tuple(self._filled(entry) for entry in node.entries), node.at)
        before = len(self._problems)
        conditions = self._conditions(filled, ("for",))
        if not conditions and len(self._problems) == before:
            self._problems.add(node.at, "`never` names at least one subject")
        return Never(node.at, conditions, self._duration(filled, "for"))

    def _conditions(self, node: Mapping, limits: tuple[str, ...]) -> tuple[Condition, ...]:
        found: list[Condition] = []
        for entry in node.entries:
            compile_subject = SUBJECTS.get(entry.key)
            if compile_subject is not None:
                found += compile_subject(self._context, entry)
            elif entry.key not in limits:
                later = not_yet("subject", entry.key) or not_yet("expect", entry.key)
                if later is not None:
                    self._problems.add(entry.at, later)
                else:
                    known = (*SUBJECTS, *limits)
                    self._problems.unknown(entry.at, f"unknown subject `{entry.key}`", entry.key, known)
        return tuple(found)

    def _limits(self, node: Mapping) -> _Limits:
        optional = node.get("optional")
        is_optional = False
        if optional is not None:
            try:
                is_optional = read_flag(plain(optional.node))
            except ValueError as error:
                self._problems.add(optional.node.at, str(error))
        within_s, not_before_s = self._duration(node, "within"), self._duration(node, "not_before")
        return _Limits(within_s, not_before_s, self._duration(node, "for"), is_optional)

    def _duration(self, node: Mapping, key: str) -> float | None:
        entry = node.get(key)
        if entry is None:
            return None
        try:
            return read_duration(plain(entry.node))
        except ValueError as error:
            self._problems.add(entry.node.at, str(error))
            return None


def _title(entry: Entry) -> str:
    """Name a step by its verb and what it is about."""
    node = entry.node
    if isinstance(node, Mapping):
        first = next((node.get(key) for key in ("id", "on", "service", "key", "path", "file") if node.get(key)), None)
        node = first.node if first is not None else node
    return f"{entry.key}: {node.value}" if isinstance(node, Scalar) else entry.key

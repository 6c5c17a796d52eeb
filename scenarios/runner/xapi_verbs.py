"""Verbs of the xAPI and of people in the room (scenario-style.md section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingABC
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from endpoint.room.analytics import PEOPLE_MAX
from endpoint.room.widgets import ACTIONS
from scenarios.runner.call_verbs import PerhapsOfACall
from scenarios.runner.fields import Flag, KnownText, Name, Text
from scenarios.runner.notyet import not_yet
from scenarios.runner.validation import Objection
from scenarios.runner.values import Template
from scenarios.runner.verbs import Defined, Used, Verb, declare
from scenarios.runner.yamltree import Entry, Mapping, Node, kind_of_value

SUBSCRIPTIONS_MAX: Final = 50
"""Paths of one step: as many as a session of a door may have."""
Role = Literal["admin", "integrator", "user"]
"""What the calling account may do."""
Over = Literal["ssh", "websocket", "http"]
"""The door that a call comes through; without it, it is made inside the process. `http` is the XML API. Members of answers are text over
`ssh` and `http`."""


ANY_WIDGET: Final = "*"
"""Stands for panels and widgets whose ids the file does not tell."""
_PUTS_UP: Final = ("userinterface extensions panel save", "userinterface extensions set")
_IDS: Final = re.compile(r"<(?:WidgetId|PanelId)>\s*([^<]*?)\s*</")


def widgets_of(path: str, args: MappingABC[str, Any], body: object) -> Iterable[Defined]:
    """Return the panels and widgets that a command puts up; most put up none."""
    if " ".join(path.casefold().split()) not in _PUTS_UP:
        return
    panel = next((value for name, value in args.items() if name.casefold() == "panelid"), None)
    found = _IDS.findall(body) if isinstance(body, str) else [ANY_WIDGET]
    for name in (panel, *found):
        if name is not None:
            yield Defined("widget", name if isinstance(name, str) and "&" not in name else ANY_WIDGET, ())


@declare
class XCommand(Verb):
    """Give the device an xCommand; one that fails is a failure of the step, unless the step says something of its `result`."""

    verb = "xcommand"
    short = "path"
    done = "answered"
    path: KnownText
    args: dict[str, Any] = Field(default_factory=dict)
    body: Text = ""
    as_: Annotated[Role, Field(alias="as")] = "admin"
    over: Over | None = None

    def defines(self) -> Iterable[Defined]:
        """Make the panels and widgets known that it puts up."""
        yield from widgets_of(self.path, self.args, self.body)


@declare
class XConfig(Verb):
    """Set configurations, all or none: a map of paths and values, with `as` and `over` among them; a refusal is as with `xcommand`.

    The websocket and the shell set one at a time: there they are set one after the other, up to the first that is refused.
    """

    verb = "xconfig"
    short = "values"
    done = "answered"
    whole: ClassVar[bool] = True
    values: Annotated[dict[str, Any], Field(min_length=1)]
    as_: Annotated[Role, Field(alias="as")] = "admin"
    over: Over | None = None

    OWN_KEYS: ClassVar[tuple[str, ...]] = ("as", "over")
    """Keys that stand among the paths."""

    @classmethod
    def arrange(cls, node: Node) -> Node:
        """Take the keys of the verb out of the paths."""
        if not isinstance(node, Mapping):
            return super().arrange(node)
        paths = tuple(entry for entry in node.entries if entry.key not in cls.OWN_KEYS)
        own = tuple(entry for entry in node.entries if entry.key in cls.OWN_KEYS)
        return Mapping((Entry("values", node.at, Mapping(paths, node.at)), *own), node.at)

    @classmethod
    def written_forms(cls, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the schema of the one map: paths, and the keys of the verb among them."""
        own = {name: schema["properties"][name] for name in cls.OWN_KEYS}
        return [{**schema["properties"]["values"], "properties": own}]

    def objections(self) -> Iterable[Objection]:
        """Object to words that are no paths and to values that no configuration can have."""
        yield from value_objections(self.area, self.values)


def value_objections(area: str, values: dict[str, Any]) -> Iterable[Objection]:
    """Object to values that no configuration can have, and to keys that are not built yet."""
    for path, value in values.items():
        later = not_yet(area, path)
        if later is not None:
            yield Objection(("values", path), later, at_key=True)
        elif not isinstance(value, (str, int, float, Template)) or isinstance(value, bool):
            yield Objection(("values", path), f"write text or a number, not {kind_of_value(value)}")


_BRANCHES: Final = ("status", "configuration", "event", "command")


@declare
class Subscribe(Verb):
    """Let an xAPI client listen until the device goes down: paths with their branch, such as `Status Audio Volume` or `Event Bookings`.

    Without `over` it listens inside the process. With it, a real client connects and stays: over `ssh` it registers for feedback in the
    shell, over `websocket` it subscribes, over `http` it registers for HTTP feedback and takes what the device posts. `id` is its name
    for faults and expectations, the word of its door by default; another step with the same id lets it listen to more, or connects
    it anew.
    """

    verb = "subscribe"
    short = "paths"
    done = "answered"
    paths: Annotated[tuple[KnownText, ...], Field(max_length=SUBSCRIPTIONS_MAX, strict=False)]
    as_: Annotated[Role, Field(alias="as")] = "admin"
    over: Over | None = None
    id: Name | None = None

    @property
    def client(self) -> str | None:
        """The id of a client that stays connected, None for one inside the process."""
        return None if self.over is None else self.id or self.over

    def objections(self) -> Iterable[Objection]:
        """Object to listening to nothing, and to names that nobody has or that mean something else."""
        if not self.paths:
            yield Objection(("paths",), "write at least one path")
        if self.id is not None and self.over is None:
            yield Objection(("id",), "only a client that stays connected has an id; write `over` as well", at_key=True)
        elif self.id is not None and self.id.casefold() in _BRANCHES:
            yield Objection(("id",), f"`{self.id}` begins paths; give the client another id")

    def defines(self) -> Iterable[Defined]:
        """Make the subscriptions known, and the client."""
        for number, path in enumerate(self.paths):
            yield Defined("subscription", path, ("paths", number))
        if self.client is not None:
            yield Defined("client", self.client, ("id",))


JOIN_BUTTON: Final = "join button"
EXTEND: Final = "extend"
CALL_BUTTONS: Final = ("answer", "decline", "end call")
"""Buttons of calls; `end call` is that of the call bar."""
BUTTONS: Final = ("wake", JOIN_BUTTON, EXTEND, *CALL_BUTTONS)
"""What every panel has."""


@declare
class Press(PerhapsOfACall):
    """Touch something on the panel: `wake` for the screen as such, `join button`, `extend`, `answer`, `decline`, `end call`, else the id
    of a button or widget.

    `extend` asks for 30 minutes more for the booking that runs. `booking` presses Join or Extend of one of several bookings: a
    meeting's own name in the scenario, or an id such as `webex-1`.
    A widget is pressed and released as its kind does; `action` makes it one action only.
    """

    verb = "press"
    short = "what"
    done = "handled"
    what: Text
    value: Text = ""
    action: Literal["pressed", "changed", "released", "clicked"] | None = None
    booking: Text | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to buttons that are not there yet, and to keys that a button does not take."""
        later = not_yet(self.area, self.what) if isinstance(self.what, str) else None
        if later is not None:
            yield Objection(("what",), later)
        elif self.call is not None and self.what not in CALL_BUTTONS:
            yield Objection(("call",), f"only {', '.join(f'`{one}`' for one in CALL_BUTTONS)} take a call", at_key=True)
        elif self.what in BUTTONS and (self.value or self.action):
            yield Objection((), f"`{self.what}` takes neither value nor action")
        elif self.booking is not None and self.what not in (JOIN_BUTTON, EXTEND):
            yield Objection(("booking",), f"only `{JOIN_BUTTON}` and `{EXTEND}` take a booking", at_key=True)

    def uses(self) -> Iterable[Used]:
        """Name the panel or widget, and the call, that is touched."""
        yield from super().uses()
        if isinstance(self.what, str) and self.what not in BUTTONS:
            yield Used("widget", self.what, ("what",))


assert {action.casefold() for action in ACTIONS} == {"pressed", "changed", "released", "clicked"}


@declare
class Respond(Verb):
    """Answer an invitation on the panel in the room: for the booking that runs or comes next, or for `booking`, named as in `press`."""

    verb = "respond"
    short = "answer"
    done = "answered"
    answer: Literal["accept", "decline"]
    booking: Text | None = None
    comment: Text = ""


@declare
class Standby(Verb):
    """Let the device sleep (`on`), half awake, or wake (`off`), as the commands of the same names do."""

    verb = "standby"
    short = "state"
    done = "answered"
    state: Literal["on", "halfwake", "off"]


@declare
class People(Verb):
    """Let so many people be in the room from here on, over restarts too; `presence` lets somebody be noticed without being counted."""

    verb = "people"
    short = "count"
    done = "the device knows"
    count: Annotated[int, Field(ge=0, le=PEOPLE_MAX)] | None = None
    presence: Flag | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to nothing to do, and to two things that exclude each other."""
        if (self.count is None) == (self.presence is None):
            yield Objection((), "write either count or presence")


@declare
class Mute(PerhapsOfACall):
    """Mute the microphones, or end that, as the commands do; `call` is one that has to be there."""

    verb = "mute"
    short = "state"
    done = "answered"
    state: Literal["on", "off", "toggle"]


@declare
class Volume(PerhapsOfACall):
    """Set the volume; `call` is one that has to be there."""

    verb = "volume"
    short = "level"
    done = "answered"
    level: Annotated[int, Field(ge=0, le=100)]


def commands_of(verbs: Iterable[Verb | None]) -> tuple[str, ...] | None:
    """Return the commands that verbs of one step give; None where one of them is no command, and may ask others."""
    found = [str(verb.path) if isinstance(verb, XCommand) else None for verb in verbs]
    return None if None in found else tuple(one for one in found if one is not None)

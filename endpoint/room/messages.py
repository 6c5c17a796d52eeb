"""Messages on the screens: alerts, prompts, text inputs, lines of text and ratings.

One of each kind is shown at a time. A new one takes the place of the old; whoever waits for an answer to the old one under another
FeedbackId is told that it is gone (R). Source: protocol/xapi.md 10.3, xapi-nodes.md 6.20, 7.12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias, cast

from endpoint.room.ports import RoomWorld
from endpoint.runtime.clock import Timer
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed

Kind: TypeAlias = Literal["Alert", "Prompt", "Rating", "TextInput", "TextLine"]

CLEARED: Final[Mapping[Kind, str]] = {
    "Alert": "Alert Cleared",
    "Prompt": "Prompt Cleared",
    "Rating": "Rating Cleared",
    "TextInput": "TextInput Clear",
}
"""The event that tells of the end of a message that nobody answered; lines of text have none."""
OPTIONS: Final = range(1, 6)
STARS_MAX: Final = 5
ANSWER_BYTES_MAX: Final = 255
EXTRAS: Final = ("InputText", "InputType", "KeyboardState", "Placeholder", "SubmitText", "X", "Y")
SECRET_INPUTS: Final = frozenset({"Password", "PIN"})
_ASKED: Final = {"Prompt": "prompt", "Rating": "rating", "TextInput": "text input"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message on a screen.

    Attributes:
        options: texts of a prompt's buttons by their number, 1 to 5.
        extras: what only some kinds have: `InputType`, `Placeholder`, `X`, ...
        target: `OSD`, `RoomScheduler` or `Controller`; `""` where none was named.
        ends_s: when it clears itself, in seconds of the clock; None = never.
    """

    kind: Kind
    text: str
    title: str
    feedback_id: str
    options: Mapping[int, str]
    extras: Mapping[str, str]
    target: str
    peripheral_id: str
    ends_s: float | None


class Messages:
    """Shows messages, and tells of the answers that people give.

    Args:
        on_change: told after every message that appears or goes.
    """

    __slots__ = ("_on_change", "_room", "_shown", "_timers")

    def __init__(self, room: RoomWorld, on_change: Callable[[], object] = lambda: None) -> None:
        self._room = room
        self._on_change = on_change
        self._shown: dict[Kind, Message] = {}
        self._timers: dict[Kind, Timer] = {}

    @property
    def shown(self) -> Mapping[Kind, Message]:
        """The messages on the screens at present."""
        return self._shown

    def stop(self) -> None:
        """Take everything off the screens without a word: the device goes down."""
        for kind in tuple(self._shown):
            self._take(kind)

    # people

    def answer_prompt(self, option: int | str, origin: str = "Controller") -> None:
        """Choose an option of the prompt, by its number or its text.

        Raises:
            CommandFailed: there is no prompt, or it has no such option.
        """
        prompt = self._asked("Prompt")
        if isinstance(option, str):
            option = next((number for number, text in prompt.options.items() if text == option), 0)
        self._choose(prompt, option, origin, "")

    def type_text(self, text: str, origin: str = "Controller") -> None:
        """Type a text into the text input and submit it.

        Raises:
            CommandFailed: there is no text input, or the text is too long.
        """
        asked = self._asked("TextInput")
        size = len(text.encode(errors="replace"))
        if size > ANSWER_BYTES_MAX:
            raise CommandFailed(f"A text of {size} bytes; the text input takes {ANSWER_BYTES_MAX}")
        self._answered(asked, {"Text": text}, origin, "")

    def rate(self, stars: int, origin: str = "Controller") -> None:
        """Give a rating.

        Raises:
            CommandFailed: nobody asks for one, or it is not 0 to 5.
        """
        asked = self._asked("Rating")
        if not 0 <= stars <= STARS_MAX:
            raise CommandFailed(f"A rating of {stars}; 0 to {STARS_MAX} can be given")
        self._answered(asked, {"Rating": stars}, origin, "")

    def dismiss(self, kind: Kind, origin: str = "Controller") -> None:
        """Close a message without an answer.

        Raises:
            CommandFailed: there is none of this kind.
        """
        if kind not in self._shown:
            raise CommandFailed(f"No {kind} is displayed")
        self._cleared(self._take(kind), origin)

    # commands

    def display(self, call: Invocation) -> None:
        """Show a message in place of the one of its kind."""
        kind = _kind(call)
        clock = self._room.world.clock
        duration = call.number("Duration") or 0
        old = self._take(kind) if kind in self._shown else None
        message = Message(
            kind,
            call.text("Text"),
            call.text("Title"),
            call.text("FeedbackId"),
            {number: text for number in OPTIONS if (text := call.text(f"Option.{number}"))},
            {name: call.text(name) for name in EXTRAS if call.has(name)},
            call.text("Target"),
            call.text("PeripheralId"),
            clock.time() + duration if duration else None,
        )
        self._shown[kind] = message
        if duration:
            self._timers[kind] = clock.call_later(duration, self._expired, kind)
        if old is not None and old.feedback_id != message.feedback_id:
            self._cleared(old)
        else:
            self._on_change()

    def clear(self, call: Invocation) -> None:
        """Take a message off the screen; a name of another message, screen or peripheral leaves it there."""
        kind = _kind(call)
        message = self._shown.get(kind)
        if message is not None and _is_meant(call, message):
            self._cleared(self._take(kind))

    def respond_prompt(self, call: Invocation) -> None:
        """Answer the prompt as somebody in the room would."""
        self._choose(self._asked("Prompt", call), call.number("OptionId") or 0, *_where(call))

    def respond_rating(self, call: Invocation) -> None:
        """Rate as somebody in the room would."""
        self._answered(self._asked("Rating", call), {"Rating": call.number("Rating")}, *_where(call))

    def respond_text(self, call: Invocation) -> None:
        """Submit a text as somebody in the room would."""
        self._answered(self._asked("TextInput", call), {"Text": call.text("Text")}, *_where(call))

    # inside

    def _asked(self, kind: Kind, call: Invocation | None = None) -> Message:
        message = self._shown.get(kind)
        if message is None:
            raise CommandFailed(f"No {_ASKED[kind]} is displayed")
        if call is not None and call.has("FeedbackId") and call.text("FeedbackId") != message.feedback_id:
            raise CommandFailed(f"The {_ASKED[kind]} that is displayed has another FeedbackId")
        return message

    def _choose(self, prompt: Message, option: int, origin: str, peripheral: str) -> None:
        if option not in prompt.options:
            known = ", ".join(map(str, prompt.options)) or "none"
            raise CommandFailed(f"The prompt has no such option; it has: {known}")
        self._answered(prompt, {"OptionId": option}, origin, peripheral)

    def _answered(self, message: Message, answer: Mapping[str, str | int | None], origin: str, peripheral: str) -> None:
        self._take(message.kind)
        fields: dict[str, object] = {"FeedbackId": message.feedback_id, **answer, **_origin(origin, peripheral)}
        if message.extras.get("InputType") in SECRET_INPUTS:
            fields["Text"] = Secret("typed_text", str(answer.get("Text", "")))  # listeners are told, the history is not
        self._room.raise_event(f"UserInterface Message {message.kind} Response", fields)
        self._on_change()

    def _expired(self, kind: Kind) -> None:
        self._cleared(self._take(kind))

    def _take(self, kind: Kind) -> Message:
        timer = self._timers.pop(kind, None)
        if timer is not None:
            timer.cancel()
        return self._shown.pop(kind)

    def _cleared(self, message: Message, origin: str = "") -> None:
        event = CLEARED.get(message.kind)
        if event is not None:
            named = {} if message.kind == "Alert" else {"FeedbackId": message.feedback_id}
            self._room.raise_event(f"UserInterface Message {event}", {**named, **_origin(origin, "")})
        self._on_change()

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "UserInterface Message Alert Clear": clear,
        "UserInterface Message Alert Display": display,
        "UserInterface Message Prompt Clear": clear,
        "UserInterface Message Prompt Display": display,
        "UserInterface Message Prompt Response": respond_prompt,
        "UserInterface Message Rating Clear": clear,
        "UserInterface Message Rating Display": display,
        "UserInterface Message Rating Response": respond_rating,
        "UserInterface Message TextInput Clear": clear,
        "UserInterface Message TextInput Display": display,
        "UserInterface Message TextInput Response": respond_text,
        "UserInterface Message TextLine Clear": clear,
        "UserInterface Message TextLine Display": display,
    }


def _kind(call: Invocation) -> Kind:
    return cast(Kind, call.command.path.split(" ")[2])  # COMMANDS names no other


def _where(call: Invocation) -> tuple[str, str]:
    return call.text("Origin"), call.text("PeripheralId")


def _origin(origin: str, peripheral: str) -> dict[str, str | None]:
    return {"Origin": origin or None, "PeripheralId": peripheral or None}


def _is_meant(call: Invocation, message: Message) -> bool:
    """Say whether a Clear is for this message; one that named no screen is on all of them."""
    if call.has("FeedbackId") and call.text("FeedbackId") != message.feedback_id:
        return False
    places = ((call.text("Target"), message.target), (call.text("PeripheralId"), message.peripheral_id))
    return all(not asked or not shown or asked == shown for asked, shown in places)

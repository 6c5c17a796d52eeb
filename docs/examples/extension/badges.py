"""People hold a badge to the reader beside the panel: a verb, a subject and a check of our own."""

from collections.abc import Iterator, Mapping, Sequence

from scenarios.runner.extensions import (
    Broken,
    Event,
    Verb,
    declare,
    draw,
    event_subject,
    fields,
    history_check,
    implements,
)
from scenarios.runner.stage import Stage

draw("badge")


@declare
class Badge(Verb):
    """Hold a badge to the reader."""

    verb = "badge"
    short = "who"
    done = "the reader has seen it"
    who: fields.Text
    at_door: fields.Flag = False


@implements(Badge)
async def badge(stage: Stage, args: Badge) -> object:
    """Write down who it was, and wake the room."""
    device = stage.device(stage.acting)
    number = stage.chance.actor("world").stream("badges", str(args.who)).randint(1000, 9999)
    stage.trace.event(device.who, "badge.seen", data={"who": str(args.who), "door": args.at_door, "number": number})
    return {"number": number}


@event_subject("badge_seen")
def badge_seen(event: Event, device: str) -> Mapping[str, object] | None:
    """Look at badges that this device has seen."""
    return event.data if event.kind == "badge.seen" and event.who == f"device:{device}" else None


@history_check("one_badge")
def one_badge(events: Sequence[Event]) -> Iterator[Broken]:
    """Object to somebody who comes in twice."""
    seen: set[object] = set()
    for event in events:
        if event.kind == "badge.seen":
            if event.data["who"] in seen:
                yield Broken(event, "each badge once", f"{event.data['who']} again")
            seen.add(event.data["who"])

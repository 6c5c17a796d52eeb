"""Whether a device is well: registered, connected, and holding what the cloud has for it. The subject `well` asks for it.

That is what a device has to come back to, within a stated time, after whatever was broken has healed.
"""

from __future__ import annotations

from endpoint.cloud.status import Status
from scenarios.runner.conditions import Condition, StateCondition, View
from scenarios.runner.fields import read_flag
from scenarios.runner.holdings import held
from scenarios.runner.matchers import Literal
from scenarios.runner.stage import Stage
from scenarios.runner.subjects import Context
from scenarios.runner.yamltree import Entry, plain


def ailments(stage: Stage, name: str) -> list[str]:
    """Return what keeps a device from being well, in plain words; nothing when it is."""
    device = stage.devices[name]
    if not device.is_up:
        return ["it is switched off"]
    found = []
    if device.webex.status is not Status.REGISTERED:
        found.append(f"Webex Status is {device.webex.status.value}")
    if not device.mercury.is_open:
        found.append(f"Mercury is {device.mercury.state.value}")
    if device.identity.account is None:
        return found
    ours, theirs = held(stage, name)
    if ours != theirs:
        found.append(f"{len(ours)} meetings on the device, {len(theirs)} in the cloud, or not the same")
    return found


def compile_well(context: Context, entry: Entry) -> list[Condition]:
    """Compile the subject `well`: true, or false for a device that must not be."""
    try:
        wanted = read_flag(plain(entry.node))
    except ValueError as error:
        context.problems.add(entry.node.at, str(error))
        return []

    def read(view: View, device: str) -> object:
        return not view.ailments(device)

    def explain(view: View, device: str) -> tuple[str, ...]:
        return tuple(view.ailments(device))

    return [StateCondition(entry.at, "well", read, Literal(wanted), explain)]

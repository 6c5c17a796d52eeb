from __future__ import annotations

import asyncio

import pytest

from endpoint.runtime.vocabulary import FAULTS, PARAMETERS
from scenarios.runner import verbs
from scenarios.runner.device_verbs import Activate, Boot
from scenarios.runner.fault_verbs import After, Fault, FaultSpec
from scenarios.runner.loader import load_bytes
from scenarios.runner.model import Step
from scenarios.runner.notyet import NOT_YET, not_yet
from scenarios.runner.steps import DECLARED, SUBJECTS
from scenarios.runner.verbs import VERBS

# Every verb and subject of the style page, built or not.
STYLE_VERBS = (
    "boot restart factory_reset upgrade activate register connect disconnect refresh discover sync press standby people respond dial "
    "answer reject ignore hold resume hang_up dtmf mute volume share xcommand xconfig subscribe macro cloud.code.create "
    "cloud.code.expire cloud.meeting.create cloud.meeting.update cloud.meeting.delete cloud.invite cloud.mailbox cloud.call "
    "cloud.answer cloud.decline cloud.lobby cloud.admit cloud.drop cloud.end cloud.mercury.close cloud.mercury.send "
    "cloud.mercury.shutdown cloud.token.revoke cloud.token.expire cloud.device.delete cloud.cluster.rotate cloud.feature.set "
    "cloud.maintenance cloud.config.push cloud.command cloud.software.offer advance wait clock network fault heal chaos use repeat "
    "together note"
)
STYLE_SUBJECTS = (
    "xstatus xconfig xevent result request frame client why mercury machine discovery screen bookings calls history diagnostics cloud "
    "load log quiet trace"
)


def step(text: str) -> Step:
    (scenario,) = load_bytes(f"name: x\nsteps:\n  - {text}\n".encode(), "x.yaml")
    return scenario.steps[0]


def test_every_verb_of_the_language_is_built_or_has_a_reason() -> None:
    assert DECLARED
    assert [verb for verb in STYLE_VERBS.split() if (verb in VERBS) == (not_yet("verb", verb) is not None)] == []


def test_every_subject_of_the_language_is_built_or_has_a_reason() -> None:
    assert [
        name for name in STYLE_SUBJECTS.split() if (name in SUBJECTS) == (not_yet("subject", name) is not None)
    ] == []


def test_nothing_is_built_and_not_built() -> None:
    built = {f"verb.{verb}" for verb in VERBS} | {f"fault.{layer}" for layer in FAULTS}
    built |= {f"{layer}.{do}" for layer, actions in FAULTS.items() for do in actions}
    built |= {f"{verb}.{key}" for verb, kind in VERBS.items() for key in kind.model_fields}
    assert set() == built & set(NOT_YET)


def test_every_verb_says_what_it_does_and_when_it_is_done() -> None:
    assert [verb for verb, kind in VERBS.items() if not kind.__doc__ or not kind.done or kind.verb != verb] == []


def test_short_form_fills_a_key_of_the_map_form() -> None:
    assert [
        verb for verb, kind in VERBS.items() if kind.short is not None and kind.short not in kind.model_fields
    ] == []
    assert step("activate: 1234 5678").args == step("activate: { code: 1234 5678 }").args


def test_object_form_is_short_for_the_map_form() -> None:
    assert step("restart: device").args == step("restart: { action: restart }").args


def test_fault_parameters_are_fields_of_the_model() -> None:
    assert set(PARAMETERS) <= set(FaultSpec.model_fields)


def test_fault_is_read_as_a_plan_of_one() -> None:
    args = step("fault: { on: http, do: error, status: 503, retry_after: 30s, after: { count: 3 }, percent: 30% }").args
    assert isinstance(args, Fault)
    (spec,) = args.plan
    assert spec.params == {"status": 503, "retry_after": 30.0}
    assert spec.after == After(count=3)
    assert spec.percent == 0.3


def test_after_is_a_duration_a_count_or_an_anchor() -> None:
    plan = (
        "fault: { plan: [ { on: http, do: delay, by: 2s, after: 5s }, { on: http, do: delay, after: mercury open } ] }"
    )
    args = step(plan).args
    assert isinstance(args, Fault)
    assert [spec.after for spec in args.plan] == [After(delay_s=5.0), After(anchor="mercury open")]


def test_verb_does_what_was_attached_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "_actions", {})

    @verbs.implements(Activate)
    async def activate(stage: list[str], args: Activate) -> str:
        stage.append(str(args.code))
        return "linked"

    stage: list[str] = []
    assert asyncio.run(verbs.perform(stage, Activate(code="1234"))) == "linked"
    assert stage == ["1234"]
    assert "activate" not in verbs.unimplemented()
    assert "boot" in verbs.unimplemented()
    with pytest.raises(KeyError):
        asyncio.run(verbs.perform(stage, Boot()))

"""docs/reference/activation-errors.md: what a refused activation looks like, from the table of refusals."""

from __future__ import annotations

from typing import Final

from endpoint.cloud.activation_table import UNREACHABLE
from endpoint.wire.activation import rules
from scenarios.runner.values import show_duration
from tests.tools.markdown import code, page, table

STEPS: Final = {1: "challenge", 2: "invoke", 3: "register"}
INTRODUCTION: Final = """
The codes and texts are ours: no public source shows those of the real service. The cloud checks in this order. The device logs the code
(`Wx2 W: Activation: failed: <code>`), `roomsim endpoint run` prints it (`activation refused: <code>: <text>`), and scenarios see it in the
log, in the status of the request and in `Webex Status: Stopped`.
"""
SAID_BY_DEVICE: Final = f"""
The device itself says `code.malformed` of a code that has not 16 digits, without using the network, and `{UNREACHABLE}` when nobody
answered for as long as it asks.
"""


def activation_errors() -> str:
    """Return the page."""
    rows = [
        (
            code(name),
            str(row.status),
            ", ".join(STEPS[step] for step in row.steps),
            row.when,
            row.device_text,
            "yes" if row.counts_as_failure else "",
        )
        for name, row in rules.ERRORS.items()
    ]
    return page(
        "Activation errors",
        INTRODUCTION,
        table(("code", "status", "request", "when", "what the device shows", "counts as a failure"), rows),
        SAID_BY_DEVICE,
        "## Limits",
        table(("limit", "value"), _limits()),
    )


def _limits() -> list[tuple[str, str]]:
    return [
        ("life of a code", show_duration(rules.CODE_LIFE_S)),
        ("wrong proofs until a code is locked for good", str(rules.PROOF_FAILURES_MAX)),
        ("life of a challenge, which works once", show_duration(rules.CHALLENGE_LIFE_S)),
        (f"challenges of a code within {show_duration(rules.CHALLENGES_PER_CODE_WINDOW_S)}", str(rules.CHALLENGES_PER_CODE)),
        (
            f"challenges of a source address within {show_duration(rules.CHALLENGES_PER_SOURCE_WINDOW_S)} (off for loopback by default)",
            str(rules.CHALLENGES_PER_SOURCE),
        ),
        ("from the proof to the registration", show_duration(rules.PENDING_LIFE_S)),
        ("the same register request gets the same reply for", show_duration(rules.REGISTER_RETRY_S)),
        ("size of a body", f"{rules.BODY_BYTES_MAX // 1024} KiB"),
        ("the device waits for an answer", show_duration(rules.REQUEST_TIMEOUT_S)),
        ("the device's waits between attempts", ", ".join(show_duration(wait) for wait in rules.BACKOFF_S) + " and so on, times 0.75 to 1"),
        ("the device tries for", show_duration(rules.RETRYING_MAX_S)),
    ]  # fmt: skip

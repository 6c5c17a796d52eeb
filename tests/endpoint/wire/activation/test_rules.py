"""The error table and the limits, pinned."""

from __future__ import annotations

from endpoint.wire.activation import ERRORS, device_text, rules
from endpoint.wire.envelope import CONFIG_DATA, OAUTH_DATA, REGISTER_DATA, SERVICE_DATA

TABLE = """
405 123 http.method             Something went wrong. Try again.
415 123 http.media_type         Something went wrong. Try again.
413 123 http.too_large          Something went wrong. Try again.
503 123 maintenance             Webex is busy. Waiting ...
400 1   code.malformed          Check the code: it has 16 digits.
429 1   rate.limited            Too many attempts. Waiting ...
404 1   code.unknown            This code is not valid. Check it and try again.
410 1   code.expired            This code has expired. Ask for a new one.
409 1   code.used               This code has already been used. Ask for a new one.
403 12  code.locked             This code is locked. Ask for a new one.
400 2   srp.bad_parameter       Activation failed.
400 23  srp.session_unknown     Activation failed. Try again.
400 23  srp.bad_envelope        Activation failed.
401 2   srp.proof_failed        This code is not valid. Check it and try again.
401 3   register.proof_failed   Activation failed.
400 3   register.mismatch       Activation failed.
409 3   workspace.occupied      This workspace already has a device.
403 3   org.suspended           Ask your administrator.
"""


def test_the_table_is_the_published_one_in_its_order() -> None:
    rows = [line.split(maxsplit=3) for line in TABLE.strip().splitlines()]
    mine = [[str(row.status), "".join(map(str, row.steps)), code, row.device_text] for code, row in ERRORS.items()]
    assert mine == rows


def test_only_a_failed_proof_uses_up_an_attempt() -> None:
    assert [code for code, row in ERRORS.items() if row.counts_as_failure] == ["srp.proof_failed"]


def test_an_unknown_code_reads_like_a_general_failure() -> None:
    assert device_text("code.expired") == "This code has expired. Ask for a new one."
    assert device_text("teapot") == device_text("") == "Activation failed."


def test_the_limits_are_the_published_ones() -> None:
    assert rules.CODE_LIFE_S == 604_800.0
    assert rules.BACKOFF_S == (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    assert (rules.PUBLIC_BYTES, rules.SALT_BYTES, rules.BODY_BYTES_MAX) == (384, 256, 65_536)
    sizes = {
        kind.name: (kind.blob_bytes_min, kind.blob_bytes_max)
        for kind in (OAUTH_DATA, SERVICE_DATA, REGISTER_DATA, CONFIG_DATA)
    }
    assert sizes == {
        "oauthData": (256, 4096),
        "serviceData": (32, 49_152),
        "registerData": (32, 49_152),
        "configData": (32, 49_152),
    }

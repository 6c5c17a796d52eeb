"""Public keys as OpenSSH writes them, and what only looks like one."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import LocalProtocolError
from endpoint.xapi.ssh_keys import ALGORITHMS, fingerprint, parse_key


def _line(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


LINES = (
    _line(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))),
    _line(ec.derive_private_key(5, ec.SECP256R1())),
    _line(ec.derive_private_key(5, ec.SECP521R1())),
    _line(rsa.generate_private_key(65_537, 2_048)),
)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[0])
def test_a_key_is_read_with_its_comment(line: str) -> None:
    key = parse_key(f"{line}  some body@desk \n")
    assert f"{key.algorithm} {base64.b64encode(key.blob).decode()}" == line
    assert key.comment == "some body@desk"
    assert parse_key(line, "other").comment == "other"
    assert parse_key(line).comment == ""


def test_the_fingerprint_is_the_one_of_ssh_keygen() -> None:
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    assert fingerprint(parse_key(line)) == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"


def test_a_short_rsa_key_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="2048 to 16384 bits, not 1024"):
        parse_key(_line(rsa.generate_private_key(65_537, 1_024)))


@st.composite
def _nearly(draw: st.DrawFn) -> str:
    """A key with some bytes changed, cut or added."""
    algorithm, text = draw(st.sampled_from(LINES)).split()
    blob = bytearray(base64.b64decode(text))
    for _ in range(draw(st.integers(1, 4))):
        blob[draw(st.integers(0, len(blob) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(blob)))
    data = bytes(blob[:cut]) + draw(st.binary(max_size=8)) if draw(st.booleans()) else bytes(blob)
    return f"{draw(st.just(algorithm) | st.sampled_from(ALGORITHMS))} {base64.b64encode(data).decode()}"


@given(line=st.text(max_size=80) | _nearly())
def test_whatever_is_given_is_a_key_or_is_refused(line: str) -> None:
    try:
        key = parse_key(line)
    except LocalProtocolError:
        return
    assert parse_key(f"{key.algorithm} {base64.b64encode(key.blob).decode()}").blob == key.blob

"""SRP against published and computed vectors, a second implementation, and every value that must be refused."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from srptools import SRPContext, constants  # type: ignore[import-untyped]  # ships no types

from endpoint.wire import srp
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

VECTORS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("srp_vectors.toml").read_text())
RFC_5054_B = srp.Group(int(constants.PRIME_1024, 16), 2, "sha1")
GROUP_1024 = srp.Group(int(constants.PRIME_1024, 16), 2, "sha256")

needs_compiled = pytest.mark.skipif(
    "compiled" not in srp.BACKENDS, reason="OpenSSL cannot be loaded: no compiled backend"
)
every_backend = pytest.mark.parametrize("backend", srp.BACKENDS)
every_vector = pytest.mark.parametrize("name", VECTORS)


class Exchange:
    """One whole exchange of a vector through the wrapper, on one backend."""

    def __init__(self, vector: dict[str, Any], backend: str = srp.BACKEND, group: srp.Group = srp.GROUP) -> None:
        self.identity, self.password = vector["identity"].encode(), vector["password"].encode()
        self.salt, a, b = (bytes.fromhex(vector[name]) for name in ("salt", "a", "b"))
        self.verifier = srp.verifier(self.identity, self.password, self.salt, group=group)
        self.client_public = srp.client_public(a, group=group, backend=backend)
        self.server_public = srp.server_public(self.verifier, b, group=group, backend=backend)
        self.u = group.scrambler(self.client_public, self.server_public, "u")
        self.client_key = srp.client_key(
            self.identity,
            self.password,
            self.salt,
            a=a,
            client_public=self.client_public,
            server_public=self.server_public,
            group=group,
            backend=backend,
        )
        self.server_key = srp.server_key(self.verifier, b, self.client_public, group=group, backend=backend)
        self._b, self._group = b, group

    @property
    def premaster(self) -> bytes:
        """Return PAD(S), which the wrapper does not show, by its formula."""
        modulus = self._group.modulus
        base = int.from_bytes(self.client_public, "big") * pow(self.verifier, self.u, modulus)
        return self._group.pad(pow(base, int.from_bytes(self._b, "big"), modulus))


def _group(name: str) -> srp.Group:
    return RFC_5054_B if name == "V7" else srp.GROUP


def _is_as_published(value: bytes, vector: dict[str, Any], name: str) -> bool:
    tests: dict[str, Callable[[str], bool]] = {
        name: lambda text: value.hex() == text,
        f"sha256_{name}": lambda text: hashlib.sha256(value).hexdigest() == text,
        f"{name}_begins": value.hex().startswith,
        f"{name}_ends": value.hex().endswith,
    }
    return all(test(vector[key]) for key, test in tests.items() if key in vector)


# ---- vectors -------------------------------------------------------------------------------------------------------


@every_backend
@every_vector
def test_a_vector_is_reproduced_by_both_sides(name: str, backend: str) -> None:
    vector, group = VECTORS[name], _group(name)
    run = Exchange(vector, backend, group)
    assert run.client_key.hex() == vector["K"]
    assert run.server_key.hex() == vector["K"]
    assert _is_as_published(run.client_public, vector, "A")
    assert _is_as_published(run.server_public, vector, "B")
    assert _is_as_published(group.pad(run.verifier), vector, "v")
    assert _is_as_published(run.premaster, vector, "S")
    assert _is_as_published(run.u.to_bytes(len(vector["u"]) // 2, "big"), vector, "u")
    if "x" in vector:
        assert run.verifier == pow(group.generator, int(vector["x"], 16), group.modulus)
    if "k" in vector:
        assert group.digest(group.pad(group.modulus) + group.pad(group.generator)).hex() == vector["k"]


@pytest.mark.parametrize(
    ("name", "part"), [("V2", "premaster"), ("V3z", "premaster"), ("V4", "client_public"), ("V5", "server_public")]
)
def test_a_vector_covers_the_leading_zero_byte_it_is_there_for(name: str, part: str) -> None:
    assert getattr(Exchange(VECTORS[name]), part)[:1] == b"\x00"


@pytest.mark.parametrize("name", ["V2", "V3z"])
def test_the_key_is_the_hash_of_the_premaster_without_leading_zero_bytes(name: str) -> None:
    run = Exchange(VECTORS[name])
    assert hashlib.sha256(run.premaster.lstrip(b"\x00")).digest() == run.client_key
    assert hashlib.sha256(run.premaster).hexdigest() == VECTORS[name]["not_K"]


def test_the_group_is_the_one_of_rfc_5054() -> None:
    assert hashlib.sha256(srp.GROUP.pad(srp.N)).hexdigest() == (
        "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c"
    )
    assert (srp.GROUP.width, srp.G) == (384, 5)


# ---- the package and its holes -------------------------------------------------------------------------------------


@every_backend
def test_a_backend_pads_as_rfc_5054_asks_and_hashes_the_identity(backend: str) -> None:
    module: Any = srp.BACKENDS[backend]
    assert module._rfc5054_compat is True
    assert module._no_username_in_x is False


@needs_compiled
def test_the_compiled_backend_is_the_normal_path() -> None:
    assert srp.BACKEND == "compiled"
    assert srp.client_backend(bytes.fromhex(VECTORS["V3"]["salt"])) == "compiled"
    assert srp.client_backend(bytes.fromhex(VECTORS["V1"]["salt"])) == "pure"


@needs_compiled
@every_vector
def test_the_compiled_client_alone_agrees_only_where_the_salt_has_no_leading_zero(name: str) -> None:
    vector, run = VECTORS[name], Exchange(VECTORS[name], group=_group(name))
    user = _bare_client(vector, _group(name))
    user.process_challenge(run.salt, run.server_public)
    assert (user.K.hex() == vector["K"]) is vector["compiled_client"]
    if name == "V1":
        assert user.K.hex() == vector["wrong_K"]


@needs_compiled
def test_the_compiled_client_alone_accepts_the_modulus_as_b() -> None:
    user = _bare_client(VECTORS["V3"], srp.GROUP)
    assert user.process_challenge(bytes.fromhex(VECTORS["V3"]["salt"]), srp.GROUP.pad(srp.N)) is not None


def _bare_client(vector: dict[str, Any], group: srp.Group) -> Any:
    module: Any = srp.BACKENDS["compiled"]
    return module.User(
        vector["identity"].encode(),
        vector["password"].encode(),
        bytes_a=bytes.fromhex(vector["a"]),
        hash_alg=module.SHA1 if group.hash_name == "sha1" else module.SHA256,
        ng_type=module.NG_CUSTOM,
        n_hex=b"%X" % group.modulus,
        g_hex=b"%X" % group.generator,
    )


@pytest.mark.skipif(sys.platform != "linux" or "compiled" not in srp.BACKENDS, reason="needs OpenSSL on Linux")
@pytest.mark.parametrize(
    ("missing", "backend"),
    [
        (("libssl.so", "libssl.so.1.1.0"), "compiled"),
        (("libssl.so", "libssl.so.1.1.0", "libssl.so.3", "libssl.so.1.1"), "pure"),
    ],
)
def test_the_compiled_backend_needs_no_development_package(missing: tuple[str, ...], backend: str) -> None:
    program = f"""
import ctypes
class Without(ctypes.CDLL):
    def __init__(self, name, *args, **kwargs):
        if name in {missing!r}:
            raise OSError(name)
        super().__init__(name, *args, **kwargs)
ctypes.cdll = ctypes.LibraryLoader(Without)
load = ctypes.cdll.LoadLibrary
from endpoint.wire import srp
assert ctypes.cdll.LoadLibrary == load
print(srp.BACKEND)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == backend


# ---- a second implementation ---------------------------------------------------------------------------------------


def _draw(run: int, what: str, size: int) -> bytes:
    return hashlib.shake_128(f"{run} {what}".encode()).digest(size)


def _agrees_with_srptools(run: int, group: srp.Group, prime: str, generator: str) -> None:
    identity, password = f"{run:08d}", f"{int.from_bytes(_draw(run, 'P', 4), 'big') % 10**8:08d}"
    salt, a, b = _draw(run, "s", 256), _draw(run, "a", 32), _draw(run, "b", 32)
    other = SRPContext(identity, password, prime=prime, generator=generator, hash_func=constants.HASH_SHA_256)
    a_number, b_number = int.from_bytes(a, "big"), int.from_bytes(b, "big")
    x = other.get_common_password_hash(salt)
    v = other.get_common_password_verifier(x)
    client_public = other.get_client_public(client_private=a_number)
    server_public = other.get_server_public(password_verifier=v, server_private=b_number)
    u = other.get_common_secret(server_public, client_public)
    client_key = other.get_common_session_key(
        other.get_client_premaster_secret(
            password_hash=x, server_public=server_public, client_private=a_number, common_secret=u
        )
    )
    server_key = other.get_common_session_key(
        other.get_server_premaster_secret(
            password_verifier=v, server_private=b_number, client_public=client_public, common_secret=u
        )
    )
    backend = list(srp.BACKENDS)[run % len(srp.BACKENDS)] if group is not srp.GROUP else srp.BACKEND
    mine = Exchange(
        {"identity": identity, "password": password, "salt": salt.hex(), "a": a.hex(), "b": b.hex()}, backend, group
    )
    assert mine.verifier == v
    assert (mine.client_public, mine.server_public) == (group.pad(client_public), group.pad(server_public))
    assert mine.client_key == mine.server_key == client_key == server_key


@pytest.mark.parametrize("block", range(8))
def test_both_roles_agree_with_srptools(block: int) -> None:
    """1000 seeded runs, every value of both roles.

    200 are in the group of 3072 bits on the normal backend; the other 800 change backends in the group of 1024 bits with SHA-256,
    where the second implementation, made of plain `pow`, takes a tenth of the time. About four of the salts start with 00.
    """
    for run in range(block, 1000, 8):
        if run < 200:
            _agrees_with_srptools(run, srp.GROUP, constants.PRIME_3072, constants.PRIME_3072_GEN)
        else:
            _agrees_with_srptools(run, GROUP_1024, constants.PRIME_1024, constants.PRIME_1024_GEN)


# ---- what is refused -----------------------------------------------------------------------------------------------

_WIDTH = srp.GROUP.width
BAD_PUBLIC = {
    "zero": bytes(_WIDTH),
    "modulus": srp.GROUP.pad(srp.N),
    "modulus plus one": srp.GROUP.pad(srp.N + 1),
    "all ones": b"\xff" * _WIDTH,
    "twice the modulus": (2 * srp.N).to_bytes(_WIDTH + 1, "big"),
    "no byte": b"",
    "a byte short": b"\x01" * (_WIDTH - 1),
    "a byte long": b"\x00" + b"\x01" * _WIDTH,
}


def _client_key(server_public: bytes, salt: bytes = b"\x01" * 256, group: srp.Group = srp.GROUP, **more: Any) -> bytes:
    a = b"\x01" * 32
    mine = srp.client_public(a, group=group)
    return srp.client_key(
        b"43534500", b"12345678", salt, a=a, client_public=mine, server_public=server_public, group=group, **more
    )


@every_backend
@pytest.mark.parametrize("what", BAD_PUBLIC)
def test_the_client_refuses_a_bad_b(what: str, backend: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        _client_key(BAD_PUBLIC[what], backend=backend)
    assert caught.value.where == "srpB"


@every_backend
@pytest.mark.parametrize("what", BAD_PUBLIC)
def test_the_server_refuses_a_bad_a(what: str, backend: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        srp.server_key(5, b"\x02" * 32, BAD_PUBLIC[what], backend=backend)
    assert caught.value.where == "srpA"


@every_backend
@pytest.mark.parametrize("value", [1, srp.N - 1])
def test_the_bounds_of_a_public_value_are_accepted(value: int, backend: str) -> None:
    public = srp.GROUP.pad(value)
    assert len(_client_key(public, backend=backend)) == 32
    assert len(srp.server_key(5, b"\x02" * 32, public, backend=backend)) == 32


class ZeroHash(srp.Group):
    """A group whose hash is always 0, and with it u."""

    def digest(self, data: bytes) -> bytes:
        return bytes(32)


def test_both_sides_abort_when_the_scrambling_parameter_is_zero() -> None:
    group = ZeroHash(srp.N, srp.G)
    with pytest.raises(RemoteProtocolError, match=r"srpB: .* u is not 0"):
        _client_key(srp.GROUP.pad(2), group=group)
    with pytest.raises(RemoteProtocolError, match=r"srpA: .* u is not 0"):
        srp.server_key(5, b"\x02" * 32, srp.GROUP.pad(2), group=group)


@every_backend
@pytest.mark.parametrize("size", [0, 31, 33, 256])
def test_an_exponent_of_another_size_is_our_own_mistake(size: int, backend: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"32 bytes, not {size}"):
        srp.client_public(bytes(size), backend=backend)
    with pytest.raises(LocalProtocolError, match=f"32 bytes, not {size}"):
        srp.server_public(5, bytes(size), backend=backend)


# ---- properties ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"password": "12345679"},
        {"identity": "43534501"},
        {"salt": "81" + "00" * 255},
    ],
)
def test_another_password_identity_or_salt_gives_another_key(change: dict[str, str]) -> None:
    vector = VECTORS["V3"]
    there = Exchange(vector)
    here = Exchange(vector | change)
    a = bytes.fromhex(vector["a"])
    mine = srp.client_key(
        here.identity,
        here.password,
        here.salt,
        a=a,
        client_public=there.client_public,
        server_public=there.server_public,
    )
    assert mine != there.server_key


_V3 = Exchange(VECTORS["V3"])


@given(st.integers(0, 8 * _WIDTH - 1))
@settings(max_examples=20, deadline=None)
def test_a_flipped_bit_in_a_public_value_gives_another_key_or_is_refused(bit: int) -> None:
    a, b = bytes.fromhex(VECTORS["V3"]["a"]), bytes.fromhex(VECTORS["V3"]["b"])
    with contextlib.suppress(RemoteProtocolError):
        assert srp.server_key(_V3.verifier, b, _flip(_V3.client_public, bit)) != _V3.client_key
    with contextlib.suppress(RemoteProtocolError):
        theirs = _flip(_V3.server_public, bit)
        key = srp.client_key(
            _V3.identity, _V3.password, _V3.salt, a=a, client_public=_V3.client_public, server_public=theirs
        )
        assert key != _V3.server_key


def _flip(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


@given(st.binary(max_size=2 * _WIDTH) | st.binary(min_size=_WIDTH, max_size=_WIDTH))
@settings(max_examples=50, deadline=None)
def test_any_bytes_as_a_public_value_give_a_key_or_a_documented_error(value: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert len(_client_key(value)) == 32
    with contextlib.suppress(RemoteProtocolError):
        assert len(srp.server_key(5, b"\x02" * 32, value)) == 32


@needs_compiled
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_abandoned_challenge_leaves_no_memory_behind() -> None:
    """The compiled Verifier frees its numbers, 6 KiB, only when it has seen an A."""
    before = _resident_kib()
    for _ in range(500):
        srp.server_public(5, b"\x02" * 32)
    assert _resident_kib() - before < 1024


def _resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4

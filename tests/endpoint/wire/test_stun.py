"""The STUN codec: RFC 5769 vectors, every refused length, answers of every kind, and a stream cut anywhere."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from itertools import pairwise

import pytest
from aioice.stun import ATTRIBUTES_BY_TYPE, message_fingerprint, set_body_length
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.stun import (
    MESSAGE_BYTES_MAX,
    Binding,
    BindingError,
    Framer,
    Request,
    UnrelatedAnswer,
    binding_error,
    binding_request,
    binding_success,
    parse_binding_response,
    parse_request,
    transaction_id_of,
)

ID = bytes(range(1, 13))
HERE, SERVER = ("203.0.113.7", 50000), ("192.0.2.1", 5004)

# RFC 5769 sections 2.1 to 2.3; label: documented.
RFC_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
RFC_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff"
    "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
RFC_ANSWER_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RFC_ANSWER_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179"
    "bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)


def _message(*attributes: tuple[int, bytes], kind: int = 0x0101, id_: bytes = ID) -> bytes:
    body = b"".join(struct.pack("!HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in attributes)
    return struct.pack("!HHI", kind, len(body), 0x2112A442) + id_ + body


def _fingerprinted(data: bytes) -> bytes:
    data += struct.pack("!HHI", 0x8028, 4, message_fingerprint(data))
    return set_body_length(data, len(data) - 20)


MAPPED = (0x0001, bytes.fromhex("0001c350cb007107"))
XOR_MAPPED = (0x0020, bytes.fromhex("0001e242ea12d545"))


# -- vectors ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "address"),
    [(RFC_ANSWER_V4, "192.0.2.1"), (RFC_ANSWER_V6, "2001:db8:1234:5678:11:2233:4455:6677")],
    ids=["2.2 IPv4", "2.3 IPv6"],
)
def test_the_answers_of_rfc_5769_are_read(data: bytes, address: str) -> None:
    assert parse_binding_response(data, RFC_ID) == Binding(address, 32853, "test vector")


def test_the_request_of_rfc_5769_is_read() -> None:
    assert parse_request(RFC_REQUEST) == Request(RFC_ID, (), has_fingerprint=True)


def test_a_changed_byte_breaks_the_fingerprint_of_the_vectors() -> None:
    for at in [*range(20, len(RFC_ANSWER_V4) - 8), *range(len(RFC_ANSWER_V4) - 4, len(RFC_ANSWER_V4))]:
        broken = RFC_ANSWER_V4[:at] + bytes([RFC_ANSWER_V4[at] ^ 1]) + RFC_ANSWER_V4[at + 1 :]
        with pytest.raises(RemoteProtocolError):
            parse_binding_response(broken, RFC_ID)


# -- building ---------------------------------------------------------------------------------------------------------------------------


def test_a_bare_request_is_the_header_alone() -> None:
    assert binding_request(ID, fingerprint=False) == bytes.fromhex("000100002112a442") + ID


def test_a_request_carries_software_and_a_fingerprint_that_holds() -> None:
    data = binding_request(ID, software="RoomOS")
    assert data == _fingerprinted(_message((0x8022, b"RoomOS"), kind=0x0001))
    assert parse_request(data) == Request(ID, (), has_fingerprint=True)


@pytest.mark.parametrize("length", [0, 11, 13])
def test_a_transaction_id_of_another_length_is_our_fault(length: int) -> None:
    with pytest.raises(LocalProtocolError, match="12 bytes"):
        binding_request(bytes(length))


def test_software_has_its_limit() -> None:
    assert parse_request(binding_request(ID, software="x" * 127)).transaction_id == ID
    with pytest.raises(LocalProtocolError, match="127"):
        binding_request(ID, software="x" * 128)


@pytest.mark.parametrize("source", [HERE, ("2001:db8::1", 1), ("127.0.0.1", 65535)])
@pytest.mark.parametrize("fingerprint", [False, True])
def test_a_success_answer_brings_the_source_back(source: tuple[str, int], fingerprint: bool) -> None:
    request = Request(ID, (), has_fingerprint=fingerprint)
    data = binding_success(request, source, origin=SERVER, software="node")
    assert parse_binding_response(data, ID) == Binding(*source, "node")
    assert (struct.pack("!HH", 0x8028, 4) in data) is fingerprint


def test_the_mapped_addresses_are_where_the_rfc_puts_them() -> None:
    assert binding_success(Request(ID), HERE) == _message(XOR_MAPPED, MAPPED)


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (400, "", "Bad Request"),
        (420, "", "Unknown Attribute"),
        (500, "", "Server Error"),
        (500, "no", "no"),
        (699, "", ""),
    ],
)
def test_an_error_answer_brings_code_and_reason_back(code: int, reason: str, expected: str) -> None:
    assert parse_binding_response(binding_error(Request(ID), code, reason), ID) == BindingError(code, expected)


def test_error_300_names_the_alternate_server() -> None:
    data = binding_error(Request(ID, (), has_fingerprint=True), 300, alternate=SERVER)
    assert parse_binding_response(data, ID) == BindingError(300, "Try Alternate", SERVER)


def test_error_420_lists_the_unknown_types() -> None:
    data = binding_error(Request(ID), 420, unknown=[0x7FFF, 0x0002, 0x0004])
    assert struct.pack("!HHHHHH", 0x000A, 6, 0x7FFF, 0x0002, 0x0004, 0) in data
    assert parse_binding_response(data, ID) == BindingError(420, "Unknown Attribute")


@pytest.mark.parametrize(("code", "alternate"), [(299, None), (700, None), (300, None), (500, SERVER)])
def test_an_error_answer_that_cannot_be_is_our_fault(code: int, alternate: tuple[str, int] | None) -> None:
    with pytest.raises(LocalProtocolError):
        binding_error(Request(ID), code, alternate=alternate)


# -- parsing answers --------------------------------------------------------------------------------------------------------------------


def test_xor_mapped_wins_over_mapped_whatever_the_order() -> None:
    other = (0x0001, bytes.fromhex("0001000109090909"))
    for attributes in ((XOR_MAPPED, other), (other, XOR_MAPPED)):
        assert parse_binding_response(_message(*attributes), ID) == Binding(*HERE)


def test_mapped_alone_serves_as_well() -> None:
    assert parse_binding_response(_message(MAPPED), ID) == Binding(*HERE)


def test_the_first_of_two_copies_counts() -> None:
    other = (0x0001, bytes.fromhex("0001000109090909"))
    assert parse_binding_response(_message(MAPPED, other), ID) == Binding(*HERE)


def test_what_follows_message_integrity_does_not_count() -> None:
    with pytest.raises(RemoteProtocolError, match="neither"):
        parse_binding_response(_message((0x0008, bytes(20)), XOR_MAPPED), ID)


def test_a_nul_at_the_end_of_software_is_dropped() -> None:
    data = _message(XOR_MAPPED, (0x8022, b"Vovida.org 0.97\0"))
    assert parse_binding_response(data, ID) == Binding(*HERE, "Vovida.org 0.97")


def test_an_optional_attribute_that_nobody_knows_is_ignored() -> None:
    assert parse_binding_response(_message((0xC057, b"\0\0\0\1"), XOR_MAPPED), ID) == Binding(*HERE)


BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "length"),
    "19 bytes": (_message()[:19], "length"),
    "one byte more": (_message(XOR_MAPPED) + b"\0", "bytes in all"),
    "one byte less": (_message(XOR_MAPPED)[:-1], "bytes in all"),
    "length no multiple of four": (set_body_length(_message(), 2) + b"\0\0", "multiple of 4"),
    "longer than a message may be": (_message((0x8022, bytes(MESSAGE_BYTES_MAX - 20))), "multiple of 4 up to"),
    "top bits set": (b"\x81" + _message(XOR_MAPPED)[1:], "two zero bits"),
    "another cookie": (_message(XOR_MAPPED)[:4] + b"\x21\x12\xa4\x43" + _message(XOR_MAPPED)[8:], "cookie"),
    "a request": (_message(kind=0x0001), "success or error"),
    "an indication": (_message(kind=0x0011), "success or error"),
    "another method": (_message(XOR_MAPPED, kind=0x0103), "method Binding"),
    "an unknown method": (_message(XOR_MAPPED, kind=0x0FFF & 0x3EEF | 0x0100), "Method"),
    "an attribute past the end": (_message(XOR_MAPPED)[:22] + b"\0\x0c" + _message(XOR_MAPPED)[24:], "at most 8"),
    "an attribute of 65535 bytes": (_message(XOR_MAPPED)[:22] + b"\xff\xff" + _message(XOR_MAPPED)[24:], "at most 8"),
    "no address": (_message(), "neither"),
    "an address of three bytes": (_message((0x0020, b"\0\1\0")), "less than 4"),
    "an IPv4 address of 16 bytes": (_message((0x0020, b"\0\1" + bytes(18))), "IPv4"),
    "an address family nobody knows": (_message((0x0020, b"\0\3" + bytes(6))), "unknown protocol"),
    "software in Latin-1": (_message(XOR_MAPPED, (0x8022, b"caf\xe9")), "utf-8"),
    "a wrong fingerprint": (_message(XOR_MAPPED, (0x8028, bytes(4))), "fingerprint"),
    "a fingerprint of three bytes": (_message(XOR_MAPPED, (0x8028, bytes(3))), "unpack"),
    "an unknown attribute that must be known": (_message((0x7777, b""), XOR_MAPPED), "0x7777"),
    "an error without a code": (_message(kind=0x0111), "ERROR-CODE"),
    "an error code of three bytes": (_message((0x0009, bytes(3)), kind=0x0111), "less than 4"),
    "error 200": (_message((0x0009, b"\0\0\2\0"), kind=0x0111), "class 3 to 6"),
    "error 4 and 100": (_message((0x0009, b"\0\0\4\x64"), kind=0x0111), "class 3 to 6"),
    "a broken alternate": (_message((0x0009, b"\0\0\3\0"), (0x8023, b"\0\1\0"), kind=0x0111), "less than 4"),
}


@pytest.mark.parametrize(("data", "rule"), BROKEN.values(), ids=BROKEN)
def test_an_answer_that_breaks_a_rule_is_refused(data: bytes, rule: str) -> None:
    with pytest.raises(RemoteProtocolError, match=rule):
        parse_binding_response(data, ID)


def test_the_longest_message_passes() -> None:
    filler = (0x8022, bytes(MESSAGE_BYTES_MAX - 20 - 12 - 4))
    assert parse_binding_response(_message(XOR_MAPPED, filler), ID) == Binding(*HERE)


def test_an_answer_to_another_transaction_is_told_apart() -> None:
    with pytest.raises(UnrelatedAnswer):
        parse_binding_response(_message(XOR_MAPPED), bytes(12))


def test_error_300_without_an_alternate_is_an_error_like_others() -> None:
    data = _message((0x0009, b"\0\0\3\0"), kind=0x0111)
    assert parse_binding_response(data, ID) == BindingError(300, "")


def test_reserved_bits_of_an_error_code_are_ignored() -> None:
    assert parse_binding_response(_message((0x0009, b"\0\0\xfc\1no"), kind=0x0111), ID) == BindingError(401, "no")


# -- parsing requests -------------------------------------------------------------------------------------------------------------------


def test_every_required_type_outside_the_table_is_reported_once_in_order() -> None:
    data = _message((0x7001, b""), (0x0003, bytes(4)), (0x7001, b""), (0x8099, b""), kind=0x0001)
    assert parse_request(data).unknown == (0x7001, 0x0003)


@pytest.mark.parametrize("kind", [0x0101, 0x0111, 0x0011, 0x0003])
def test_what_is_no_binding_request_is_refused(kind: int) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_request(_message(kind=kind))


# -- the stream -------------------------------------------------------------------------------------------------------------------------

ONE, TWO = _message(XOR_MAPPED), binding_request(ID, software="RoomOS")


@given(st.lists(st.integers(0, len(ONE + TWO + ONE)), max_size=8))
def test_a_stream_cut_anywhere_gives_the_same_messages(cuts: list[int]) -> None:
    stream = ONE + TWO + ONE
    edges = [0, *sorted(cuts), len(stream)]
    framer = Framer()
    messages = [message for start, end in pairwise(edges) for message in framer.feed(stream[start:end])]
    assert messages == [ONE, TWO, ONE]
    assert framer.error is None


@pytest.mark.parametrize(
    ("junk", "needed"),
    [(b"\x80", 1), (b"GET / HTTP/1.1\r\n\r\n", 1), (b"\0\1\0\2", 4), (b"\0\1\xff\xfc", 4), (b"\0\1\0\0HTTP", 8)],
    ids=["top bit", "http", "length", "limit", "cookie"],
)
def test_a_stream_that_is_no_stun_ends_where_it_shows(junk: bytes, needed: int) -> None:
    framer = Framer()
    messages = framer.feed(ONE)
    for at in range(len(junk)):
        assert (framer.error is None) is (at < needed)
        messages += framer.feed(junk[at : at + 1])
    assert framer.error is not None
    assert framer.feed(ONE) == []
    assert messages == [ONE]


def test_messages_before_the_broken_one_are_kept() -> None:
    framer = Framer()
    assert framer.feed(ONE + TWO + b"\xff" * 20) == [ONE, TWO]
    assert framer.error is not None


# -- fuzz -------------------------------------------------------------------------------------------------------------------------------


def _mutated(data: bytes, most: int = 6) -> st.SearchStrategy[bytes]:
    change = st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255))

    def apply(changes: list[tuple[int, int]]) -> bytes:
        broken = bytearray(data)
        for at, value in changes:
            broken[at] = value
        return bytes(broken)

    return st.lists(change, max_size=most).map(apply)


CODES = st.sampled_from([*sorted(ATTRIBUTES_BY_TYPE), 0x000A, 0x8023, 0x7777, 0x9999])
SOUND = [
    XOR_MAPPED,
    MAPPED,
    (0x0009, b"\0\0\3\0no"),
    (0x8023, MAPPED[1]),
    (0x8022, b"node"),
    (0x7777, b""),
    (0xC057, b"\0"),
]
SHAPED = st.builds(
    lambda kind, attributes: _message(*attributes, kind=kind),
    st.sampled_from([0x0001, 0x0011, 0x0101, 0x0111, 0x0103]),
    st.lists(st.tuples(CODES, st.binary(max_size=24)) | st.sampled_from(SOUND), max_size=4),
)
ANYTHING = st.one_of(
    st.binary(max_size=80), SHAPED, _mutated(RFC_REQUEST), _mutated(RFC_ANSWER_V4), _mutated(RFC_ANSWER_V6)
)


def _often(likely: st.SearchStrategy[bytes], others: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.booleans().flatmap(lambda is_likely: likely if is_likely else others)


REAL = [
    _message((0x0009, b"\0\0\4\0no"), (0x8023, MAPPED[1]), kind=0x0111),
    binding_success(Request(ID), HERE, origin=SERVER, software="node"),
    binding_success(Request(ID), ("2001:db8::1", 1)),
    binding_error(Request(ID), 420, unknown=[0x7FFF]),
    binding_error(Request(ID), 300, "elsewhere", alternate=SERVER),
]


@given(_often(st.sampled_from(REAL).flatmap(lambda data: _mutated(data, most=2)), ANYTHING))
def test_any_bytes_are_an_answer_or_refused(data: bytes) -> None:
    id_ = transaction_id_of(data) or ID
    try:
        answer = parse_binding_response(data, id_)
    except RemoteProtocolError:
        return
    with pytest.raises(UnrelatedAnswer):
        parse_binding_response(data, bytes([id_[0] ^ 1]) + id_[1:])
    request = Request(id_)
    if isinstance(answer, Binding):
        assert str(ip_address(answer.address)) == answer.address
        assert parse_binding_response(_built(request, answer), id_) == answer
        return
    assert 300 <= answer.code <= 699
    assert answer.alternate is None or answer.code == 300
    if answer.reason and (answer.code == 300) is (answer.alternate is not None):
        again = binding_error(request, answer.code, answer.reason, alternate=answer.alternate)
        assert parse_binding_response(again, id_) == answer


def _built(request: Request, answer: Binding) -> bytes:
    return binding_success(request, (answer.address, answer.port), software=answer.software)


@given(_often(_mutated(binding_request(ID, software="RoomOS", fingerprint=False), most=2), ANYTHING))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    try:
        request = parse_request(data)
    except RemoteProtocolError:
        return
    assert request.transaction_id == data[8:20]
    assert len(set(request.unknown)) == len(request.unknown)
    assert all(kind < 0x8000 and struct.pack("!H", kind) in data for kind in request.unknown)
    again = binding_request(request.transaction_id, fingerprint=request.has_fingerprint)
    assert parse_request(again) == Request(request.transaction_id, (), request.has_fingerprint)


@given(st.lists(ANYTHING, max_size=4))
def test_a_framer_takes_any_bytes(chunks: list[bytes]) -> None:
    framer = Framer()
    for chunk in chunks:
        for message in framer.feed(chunk):
            assert 20 <= len(message) <= MESSAGE_BYTES_MAX


@given(
    st.ip_addresses().map(str),
    st.integers(0, 65535),
    st.text(max_size=20).filter(lambda text: "\0" not in text),
    st.booleans(),
)
def test_encode_then_decode_is_the_same(host: str, port: int, software: str, fingerprint: bool) -> None:
    data = binding_success(Request(ID, (), has_fingerprint=fingerprint), (host, port), software=software)
    assert parse_binding_response(data, ID) == Binding(host, port, software)

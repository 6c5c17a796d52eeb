"""Software upgrades: what a device asks the upgrade service, what it is offered, and the image that it downloads.

    GET <swupgrade>/upgrade?product=Room+Bar&version=ce26.4.1.12.67c6e508983&channel=Stable   ->   Answer
    GET <url of the offer>                                                                     ->   image
    Mercury  swupgrade.offerChanged                                                            ->   ask again

No public source shows more of the service than its name (protocol/activation-and-media.md 8.1): messages, paths, event and image are ours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

import msgspec

from endpoint.wire import codec
from endpoint.wire.conventions import is_url
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

SERVICE: Final = "swupgrade"
UPGRADE_PATH: Final = "/upgrade"
OFFER_CHANGED: Final = "swupgrade.offerChanged"
"""`data.eventType` of the push; it says only that asking is worth while, because URLs depend on who asks."""
URGENCIES: Final = ("Low", "Medium", "Critical")
CHANNEL_CHARS_MAX: Final = 255
TEXT_CHARS_MAX: Final = 256
URL_CHARS_MAX: Final = 2_048
IMAGE_BYTES_MIN: Final = 128
IMAGE_BYTES_MAX: Final = 1024 * 1024
IMAGE_BYTES: Final = 4 * 1024
"""Size of an image where nobody says another one: real ones have a gigabyte, ours only have to travel."""

Urgency = Literal["Low", "Medium", "Critical"]
_VERSION: Final = re.compile(r"ce(\d{1,2}(?:\.\d{1,4}){1,3})(?:\.([0-9a-f]{11}))?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DIGEST: Final = re.compile(r"sha-256=:[A-Za-z0-9+/]{43}=:", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: `ce26.4.1.12.67c6e508983` is 26, 4, 1, 12.

    Raises:
        LocalProtocolError: no version.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise LocalProtocolError(f"{version[:40]!r} is no software version; write one such as ce26.5.1.3.1f0e9a7c2d4")
    return tuple(map(int, found[1].split(".")))


def is_below(version: str, minimum: str) -> bool:
    """Say whether a version is older than another one; builds are not compared, missing numbers are 0; errors as `version_numbers`."""
    ours, theirs = version_numbers(version), version_numbers(minimum)
    length = max(len(ours), len(theirs))
    return (*ours, *(0,) * (length - len(ours))) < (*theirs, *(0,) * (length - len(theirs)))


def has_build(version: str) -> bool:
    """Say whether a version names a build, as every one does that a device runs."""
    found = _VERSION.fullmatch(version)
    return found is not None and found[2] is not None


def version_id(version: str, day: str) -> str:
    """Write a version as `Provisioning Software` has it: `ce11.19.1.7 3055d561c16 2024-08-05` (protocol/activation-and-media.md 8.2)."""
    number, _, build = version.rpartition(".")
    return f"{number} {build} {day}"


class Offer(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """A version that a device is to install.

    Attributes:
        id: of the offer; the same version offered again has another one.
        version: with its build, `ce26.5.1.3.1f0e9a7c2d4`.
        date: day of the release, `2026-05-04`.
        url: where the image is.
        bytes: size of the image.
        digest: of the image, as a header would have it: `sha-256=:<base64>:` (RFC 9530).
    """

    id: Text
    version: Text
    date: Text
    url: Annotated[str, msgspec.Meta(max_length=URL_CHARS_MAX)]
    bytes: Annotated[int, msgspec.Meta(ge=IMAGE_BYTES_MIN, le=IMAGE_BYTES_MAX)]
    digest: Text
    urgency: Urgency = "Medium"


class Answer(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """What the service says to a device.

    Attributes:
        offer: None when the device runs what it should.
        should, must: oldest versions that are recommended, and that the cloud goes on working with; empty where there is none.
    """

    offer: Offer | None = None
    should: Text = ""
    must: Text = ""


class Question(msgspec.Struct, kw_only=True, frozen=True):
    """What a device says of itself when it asks: the query of the request."""

    product: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=CHANNEL_CHARS_MAX)]

    def query(self) -> str:
        """Return it as the query of a URL."""
        return urlencode(msgspec.to_builtins(self))

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Question:
        """Read a query.

        Raises:
            RemoteProtocolError: a member is missing or too long, or `version` is none.
        """
        question = codec.convert(dict(query), cls, "query")
        _check_version(question.version, "query.version")
        return question


def parse_answer(body: bytes) -> Answer:
    """Read what the service says.

    Raises:
        RemoteProtocolError: a member is missing or breaks its rule; versions, day, URL and digest are checked.
    """
    answer = codec.decode(body, Answer)
    for where, minimum in (("body.should", answer.should), ("body.must", answer.must)):
        if minimum:
            _check_version(minimum, where)
    if answer.offer is not None:
        _check_offer(answer.offer)
    return answer


def _check_offer(offer: Offer) -> None:
    _check_version(offer.version, "body.offer.version")
    if not has_build(offer.version):
        raise RemoteProtocolError("body.offer.version", "a version with its build")
    if not _is_day(offer.date):
        raise RemoteProtocolError("body.offer.date", "a day, YYYY-MM-DD")
    if not _ID.fullmatch(offer.id):
        raise RemoteProtocolError("body.offer.id", "1 to 64 letters, digits, dots, dashes")
    if not (is_url(offer.url) and offer.url.startswith(("http:", "https:"))):
        raise RemoteProtocolError("body.offer.url", "an http(s) URL")
    if not _DIGEST.fullmatch(offer.digest):
        raise RemoteProtocolError("body.offer.digest", "sha-256=:<base64>:")


def _check_version(version: str, where: str) -> None:
    try:
        version_numbers(version)
    except LocalProtocolError:
        raise RemoteProtocolError(where, "a software version such as ce26.5.1.3.1f0e9a7c2d4") from None


def _is_day(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def check_day(text: str) -> str:
    """Return a day, `2026-05-04`; LocalProtocolError for anything else."""
    if not _is_day(text):
        raise LocalProtocolError(f"{text[:40]!r} is no day; write one such as 2026-05-04")
    return text


def changed_data(offer_id: str) -> dict[str, Any]:
    """Build the `data` of the push; `offer_id` is for people who read traces."""
    return {"eventType": OFFER_CHANGED, "offerId": offer_id}


# the image

MAGIC: Final = "roomsim software"


def make_image(version: str, day: str, size: int = IMAGE_BYTES) -> bytes:
    """Make the image of a version: a line that names it, then filling that depends on nothing else.

    Raises:
        LocalProtocolError: the size is out of bounds.
    """
    if not IMAGE_BYTES_MIN <= size <= IMAGE_BYTES_MAX:
        raise LocalProtocolError(f"an image has {IMAGE_BYTES_MIN} to {IMAGE_BYTES_MAX} bytes")
    head = f"{MAGIC} {version} {day}\n".encode()
    return head + hashlib.shake_256(head).digest(size - len(head))


def digest(image: bytes) -> str:
    """Return the digest of an image, `sha-256=:<base64>:`; in hex it would look like somebody's key."""
    return f"sha-256=:{codec.b64encode(hashlib.sha256(image).digest())}:"


def check_download(image: bytes, offer: Offer) -> None:
    """Compare what was downloaded with what was announced.

    Raises:
        RemoteProtocolError: another size or digest: it was damaged on its way.
    """
    if len(image) != offer.bytes:
        raise RemoteProtocolError("image", f"{offer.bytes} bytes", str(len(image)))
    if digest(image) != offer.digest:
        raise RemoteProtocolError("image", "the SHA-256 that was announced")


def check_image(image: bytes, offer: Offer) -> None:
    """Look whether an image can be installed.

    Raises:
        RemoteProtocolError: it is no image, or one of another version.
    """
    head, mark, _ = image[:IMAGE_BYTES_MIN].partition(b"\n")
    if not mark or head != f"{MAGIC} {offer.version} {offer.date}".encode():
        raise RemoteProtocolError("image", f"an image of {offer.version}")

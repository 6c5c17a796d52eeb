"""`roomsim invite`: what the cloud would dial for an invitation, and why. Its output is a contract: design.md section 6."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import msgspec

from cloud_stub.hybrid_calendar.candidates import Candidate
from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.invitation_files import FILE_MAX, InvitationError, read_file, read_ics
from cloud_stub.hybrid_calendar.keywords import KeywordRules
from cloud_stub.hybrid_calendar.reading import DIAGNOSTICS, Reading, Source, read_invitation
from cloud_stub.hybrid_calendar.texts import Text, read_text
from scenarios.runner.exits import Exit, refused

LINE_MAX: Final = 8 * 1024 * 1024
"""Bytes of a line of `--jsonl`; a longer one is answered with an error."""
SHOWN_MAX: Final = 96
"""Characters of a line of an invitation that are shown."""


class Asked(msgspec.Struct, frozen=True):
    """One line of `--jsonl`; other members are left alone."""

    subject: str | None = None
    location: str | None = None
    body: str | None = None
    ics: str | None = None


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Asked)


@dataclass(frozen=True, slots=True)
class Read:
    """An invitation with its file and what was read in it."""

    file: str
    invitation: Invitation
    reading: Reading


class InviteCommand:
    """Reads invitations and tells what it found.

    Args:
        location: a Location for invitations that have none.
    """

    def __init__(self, rules: KeywordRules, out: TextIO, location: str = "") -> None:
        self._rules = rules
        self._out = out
        self._location = location

    def files(self, files: list[Path], *, as_json: bool) -> int:
        """Read files, or standard input; return the exit code."""
        read: list[Read] = []
        for file in files or [Path("-")]:
            name = "standard input" if str(file) == "-" else str(file)
            for invitation in _load(file, name):
                if self._location and not invitation.location:
                    invitation = replace(invitation, location=self._location)
                read.append(Read(name, invitation, read_invitation(invitation, self._rules)))
        if as_json:
            self._out.write(
                msgspec.json.format(_ENCODER.encode({"invitations": [_whole(one) for one in read]}), indent=1).decode()
                + "\n"
            )
        else:
            for nth, one in enumerate(read):
                self._out.write(("\n" if nth else "") + "\n".join(_lines(one)) + "\n")
        return Exit.OK if any(_is_joinable(one.reading) for one in read) else Exit.NO

    def jsonl(self, stream: BinaryIO) -> int:
        """Answer each line with a line, at once; return the exit code."""
        found = good = bad = 0
        for number, line in _bounded_lines(stream):
            answer: dict[str, Any]
            try:
                reading = self._answer(line)
            except InvitationError as error:
                bad += 1
                answer = {"error": f"line {number}: {error}"}
            else:
                good += 1
                found += _is_joinable(reading)
                answer = _short(reading)
            self._out.write(_ENCODER.encode(answer).decode() + "\n")
            self._out.flush()
        return Exit.OK if found else Exit.USAGE if bad and not good else Exit.NO

    def _answer(self, line: bytes | None) -> Reading:
        if line is None:
            raise InvitationError(f"longer than {LINE_MAX} bytes")
        try:
            asked = _asked(line)
        except (msgspec.MsgspecError, ValueError) as error:
            raise InvitationError(f"no JSON object with subject, location and body, or ics: {error}") from None
        except RecursionError:
            raise InvitationError("JSON that is nested too deep") from None
        if asked.ics is None:
            invitations = [Invitation(asked.subject or "", asked.location or self._location, asked.body or "")]
        else:
            invitations = read_ics(asked.ics.encode("utf-8", errors="replace"))
        readings = [read_invitation(invitation, self._rules) for invitation in invitations]
        return next((reading for reading in readings if _is_joinable(reading)), readings[0])


def _asked(line: bytes) -> Asked:
    """Read a line; one with signs that are none (half a pair, bytes that are no UTF-8, a byte order mark) is read without them."""
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            asked = msgspec.convert(json.loads(line.decode("utf-8-sig", errors="replace")), Asked)
        except msgspec.ValidationError:
            raise
        except ValueError:
            raise error from None
        return msgspec.structs.replace(
            asked,
            **{
                name: _whole_signs(text)
                for name in Asked.__struct_fields__
                if (text := getattr(asked, name)) is not None
            },
        )


def _whole_signs(text: str) -> str:
    return text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")


def _is_joinable(reading: Reading) -> bool:
    return reading.dial is not None or (
        reading.keyword is not None and reading.source == "location" and bool(reading.service)
    )


def _load(file: Path, name: str) -> list[Invitation]:
    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(FILE_MAX + 1)
        else:
            with file.open("rb") as stream:
                content = stream.read(FILE_MAX + 1)
        if _is_jsonl(content):
            raise refused(f"{name}: holds invitations as JSON; give it as lines: roomsim invite --jsonl < FILE")
        return read_file(content)
    except OSError as error:
        raise refused(f"{name}: cannot be read: {error.strerror}") from None
    except InvitationError as error:
        raise refused(f"{name}: {error}") from None


def _is_jsonl(content: bytes) -> bool:
    """Whether the first line is what `--jsonl` reads: an object with one of its members."""
    line = content[:LINE_MAX].lstrip().split(b"\n", 1)[0]
    if not line.startswith(b"{"):
        return False
    try:
        found = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return not found.keys().isdisjoint(Asked.__struct_fields__) if isinstance(found, dict) else False


def _bounded_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield lines that are not blank, with their numbers; None for one that is too long, which is never held."""
    number = 0
    while line := stream.readline(LINE_MAX + 1):
        number += 1
        if len(line) > LINE_MAX and not line.endswith(b"\n"):
            while (rest := stream.readline(LINE_MAX)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        elif line.strip():
            yield number, line


# ---- JSON ----------------------------------------------------------------------------------------------------------


def _short(reading: Reading) -> dict[str, Any]:
    return {
        "dial": reading.dial,
        "protocol": reading.protocol,
        "service": reading.service or None,
        "source": reading.source,
        "why": reading.why,
        "keyword": reading.keyword.shown if reading.keyword else None,
        "diagnostics": reading.diagnostics,
    }


def _whole(one: Read) -> dict[str, Any]:
    reading = one.reading
    candidates = [_candidate(lost.candidate, lost.source, lost.because) for lost in reading.lost]
    if reading.chosen is not None and reading.source is not None:
        candidates.insert(0, _candidate(reading.chosen, reading.source, None))
    return {
        "file": one.file,
        "subject": one.invitation.subject,
        "is_cancelled": one.invitation.is_cancelled,
        **_short(reading),
        "action": reading.keyword.action if reading.keyword else None,
        "platform": reading.platform,
        "join_type": reading.join_type,
        "join": reading.join,
        "link": reading.link or None,
        "pattern": reading.pattern or None,
        "label": reading.label,
        "candidates": candidates,
    }


def _candidate(one: Candidate, source: Source, because: str | None) -> dict[str, Any]:
    return {
        "source": source,
        "written": one.written,
        "dial": one.dial,
        "service": one.service.name,
        "pattern": one.pattern,
        "chosen": because is None,
        "because": because,
    }


# ---- for people ----------------------------------------------------------------------------------------------------


def _lines(one: Read) -> Iterator[str]:
    """Yield what people read: the verdict, the sentence, and the lines of the invitation that had something to say."""
    reading = one.reading
    yield f"{one.file}: {_clean(one.invitation.subject)}" if one.invitation.subject else one.file
    how = ", ".join(
        filter(None, (reading.service, reading.protocol, f"from the {reading.source}" if reading.source else ""))
    )
    dial = reading.dial or ("made when the meeting is" if _is_joinable(reading) else "nothing")
    yield f"  dial   {_clean(dial)}" + (f"   ({how})" if how else "")
    yield f"  why    {_clean(reading.why)}"
    if one.invitation.is_cancelled:
        yield "  note   the file calls this meeting off"
    for key in reading.diagnostics:
        yield f"  odd    {key}: {DIAGNOSTICS[key]}"
    texts: dict[Source, Text] = {
        "location": read_text(one.invitation.location),
        "body": read_text(one.invitation.body, one.invitation.is_html),
    }
    rows = [(lost.source, lost.candidate, lost.because) for lost in reading.lost]
    if reading.chosen is not None and reading.source is not None:
        rows.append((reading.source, reading.chosen, ""))
    if reading.keyword is not None:
        yield f"{'>' if reading.dial is None and _is_joinable(reading) else ' '} Location   {_clean(one.invitation.location)}"
    for source, candidate, because in sorted(rows, key=lambda row: (row[0] == "body", row[1].at)):
        mark = ">" if not because else " "
        yield f"{mark} {source.capitalize():<10} {_line_of(texts[source], candidate)}"
        if because:
            yield f"{'':13}lost: {because}"


def _line_of(text: Text, candidate: Candidate) -> str:
    """Return the line of a text that a candidate stands in."""
    if candidate.at >= len(text.shown):
        return f"behind a link: {_clean(candidate.written)}"
    start = text.shown.rfind("\n", 0, candidate.at) + 1
    end = text.shown.find("\n", candidate.at)
    line = text.shown[max(start, candidate.at - SHOWN_MAX // 2) : end if end >= 0 else len(text.shown)]
    return _clean(line.strip())


def _clean(text: str) -> str:
    """Return text that a terminal shows as it is, on one line."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: SHOWN_MAX * 40])
    return shown if len(shown) <= SHOWN_MAX * 3 else f"{shown[: SHOWN_MAX * 3]}..."

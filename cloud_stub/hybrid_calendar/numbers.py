"""Numbers that stand beside an address: meeting numbers, passcodes, the video ids of Teams.

Invitations come in any language, so numbers are found by form first: how many digits, what stands around them. Words only settle what form
leaves open.

Source: protocol/calendar-and-obtp.md 5.2 row 9 and 5.3; forms and words of invitations of the services (inferred).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from typing import Final

NEAR: Final = 400
"""Characters around an address in which a number belongs to it."""
LABEL_MAX: Final = 80
"""Characters before a number that are looked at for a label."""
ID_MAX: Final = 14
"""Digits of a video id that has a word for it."""

_NUMBER: Final = re.compile(
    r"(?<![\dA-Za-z_+#*@.,/=&?%-])(?<![+(]\d)\d(?:[ -]?\d){4,16}(?![\d_a-z@]|[A-Z](?![a-z]{2}))(?!\.\w|[ -]\d)"
)
"""Beside it may stand a letter of a script without blanks, or the next word where a text has lost its lines."""
_PHONE: Final = re.compile(r"(?:\+|\btel[.:]|\(0\)|\d\)|\(\d{2,4}\))[^\n]{0,24}$|[+]\d[\d ()-]{0,20}$", re.IGNORECASE)
_PAUSED: Final = re.compile(r",{1,4}\*?(\d{9,11})#(?:,{1,6}(?:\*(\d{1,10})#|0#,{1,4}(\d{1,10})#)?)?")
_PAUSED_WEBEX: Final = re.compile(r",{1,4}(?:\*01\*)?(\d{9,11})#")

_WEBEX_WORDS: Final = re.compile(
    r"meeting number|access code|meeting.?key|event number|session number|meeting-?kennnummer|meeting-?nummer|zugriffscode|zugangscode"
    r"|besprechungsnummer|num[eé]ro (?:de|d.acc)|code d.acc|n[uú]mero de|c[oó]digo de acc?es|numero (?:della )?riunione|codice"
    r"|vergaderingnummer|vergadernummer|toegangscode|m[oö]tesnummer|[åa]tkomstkod|m[oø]tenummer|tilgangskode|m[oø]denummer|adgangskode"
    r"|numer spotkania|kod dost|kokousnumero|kokouksen numero|номер|код доступа|toplant[ıi] numaras|eri[sş]im kodu"
    r"|ミーティング番号|会議番号|アクセス コード|会议号|會議號|会议密钥|访问码|访问代码|미팅 번호|회의 번호|액세스 코드"
    r"|číslo sch|értekezlet száma|số cuộc họp|nomor rapat|หมายเลขการประชุม|رقم الاجتماع|رمز الوصول|מספר פגישה|קוד גישה",
    re.IGNORECASE,
)
_VIDEO_WORDS: Final = re.compile(
    r"v[ií]d[eéè]o|vtc|wideo|видео|відео|ビデオ|视频|視訊|視頻|비디오|화상|וידאו|فيديو|βίντεο|วิดีโอ", re.IGNORECASE
)
_TENANT_WORDS: Final = re.compile(
    r"tenant|mandant|locataire|inquilin|locat[aá]ri|client|klient|leier|lejer|vuokraaja|dzierżaw|テナント|租户|租戶|테넌트|клиент|арендатор"
    r"|kirac[ıi]|nájem|b[eé]rl[oő]|μισθωτ|דייר|مستأجر|ผู้เช่า",
    re.IGNORECASE,
)
_CODE_WORDS: Final = (
    r"pass ?-?code|password|pass ?-?word|kenncode|kennwort|passwort|zugangscode|code secret|mot de passe|code d.acc[eè]s"
    r"|c[oó]digo de acc?es[so]o?|c[oó]digo|contrase[nñ]a|clave|senha|codice d.accesso|codice|l[oö]senord|l[oö]senkod|passord|passkode"
    r"|adgangskode|wachtwoord|toegangscode|salasana|tunnuskoodi|kod dostępu|hasło|heslo|jelsz[oó]|parol[aă]|şifre|parola|geçiş kodu"
    r"|пароль|код доступа|код|パスコード|ミーティングパスワード|パスワード|密码|密碼|通行码|口令|비밀번호|암호|mật mã|mật khẩu"
    r"|kata sandi|kode sandi|kode akses|kód|סיסמה|קוד|رمز المرور|κωδικός"
)
_PASS_LABEL: Final = re.compile(
    rf"(?:{_CODE_WORDS})(?:\s?\([^()\n]{{0,40}}\)|\s[\w ]{{1,20}})?\s{{0,4}}[*_`]{{0,3}}[:=\u2013-]?[*_`]{{0,3}}\s{{0,4}}[*_`\"']{{0,3}}$",
    re.IGNORECASE,
)
_PASSCODE: Final = re.compile(
    r"(?<![\dA-Za-z_.,+#@/%&?-])\d{3,10}(?![\dA-Za-z_@#/-])(?![!@*.$^&?+=-]{1,3}[\dA-Za-z])(?! \d)"
)
_BELOW_ID: Final = re.compile(
    r"\d{3,4}[ -]?\d{3,4}[ -]?\d{3,4}(?:[ \t]{0,4}\r?\n){1,4}[ \t]{0,4}[^\n\d:#]{2,40}:[ \t]{0,4}$"
)
"""A label of any language, on the next line that has something on it after a meeting id."""
_NO_CODE: Final = re.compile(r"\b(?:ids?|pin|host|key)\b[^\n]{0,40}$", re.IGNORECASE)
_ENDS_LINE: Final = re.compile(r"[ \t]{0,4}(?:[\r\n]|$)")
_GROUPS: Final = re.compile(r"[1-9]\d{2,3} \d{3} \d{3,4}")
_NAMES: Final = re.compile(r"[^\s<>]*(?:@|\w\.\w)[^\s<>]*")
_ROOM_WORDS: Final = re.compile(
    r"\bsip\b|h\.?323|\brooms?\b|\braum|\bsalle\b|\bsala\b|interop|device|system|ger[aä]t|appareil|dispositivo|third.party|会议室|會議室|会議室",
    re.IGNORECASE,
)
_LABELS: Final = re.compile(r":\W{0,6}$|[\n\t]\W{0,3}$|\bid\b|[Ii][Dd]\W{0,6}$")
"""How a label before a number ends."""
_KEY_HOST: Final = re.compile(r"(?<![\w.@/-])((?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,18})(?![\w@/.-])")


def digits(text: str) -> str:
    """Take everything but digits out of a number; digits of other scripts become those that a keypad has."""
    return "".join(sign if sign.isascii() else str(int(sign)) for sign in text if sign.isdecimal())


def _numbers(
    text: str, low: int, high: int, start: int = 0, end: int | None = None, *, with_hash: bool = False
) -> Iterator[re.Match[str]]:
    """Yield numbers of so many digits that are no telephone numbers, parts of something longer, or (with a `#`) for keypads."""
    for found in _NUMBER.finditer(text, start, len(text) if end is None else end):
        if not low <= len(digits(found[0])) <= high:
            continue
        line = text[max(0, found.start() - 40, text.rfind("\n", 0, found.start()) + 1) : found.start()]
        is_keyed = text[found.end() : found.end() + 2].strip(" ").startswith("#")
        if not _PHONE.search(line) and (with_hash or not is_keyed):
            yield found


class Context:
    """The whole of an invitation, for what belongs to an address and stands elsewhere. What is asked for is looked for once."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def is_teams(self) -> bool:
        """Tell whether it speaks of Microsoft Teams."""
        lowered = self.text.lower()
        return any(
            word in lowered
            for word in ("microsoft teams", "teams.microsoft", "teams.live", "/msteams", "teams meeting")
        )

    @cached_property
    def webex_number(self) -> str:
        """The number of a Webex meeting: one with a word for it before it, else the first in groups, else that of one-tap dialling."""
        grouped = ""
        for found in _numbers(self.text, 9, 12, with_hash=True):
            before = self.text[max(0, found.start() - LABEL_MAX) : found.start()]
            if _WEBEX_WORDS.search(before):
                return digits(found[0])
            if (
                not grouped
                and _GROUPS.fullmatch(found[0])
                and self.text[found.end() : found.end() + 2].strip(" ")[:1] != "#"
            ):
                grouped = digits(found[0])
        if not grouped and (paused := _PAUSED_WEBEX.search(self.text)):
            return digits(paused[1])
        return grouped

    @cached_property
    def zoom_number(self) -> str:
        """The id of a Zoom meeting: the first of 9 to 11 digits, else that of one-tap dialling; empty where there is none."""
        for found in _numbers(self.text, 9, 11):
            if not found[0].startswith("0"):  # a telephone number of the same country
                return digits(found[0])
        return next(iter(self._paused), "")

    @cached_property
    def _paused(self) -> dict[str, str]:
        """Meeting ids of one-tap dialling, with the passcode behind the star."""
        found: dict[str, str] = {}
        for paused in _PAUSED.finditer(self.text):
            code, number = digits(paused[2] or paused[3] or ""), digits(paused[1])
            if not found.get(number):
                found[number] = code if code.strip("0") else ""
        return found

    @cached_property
    def _passcodes(self) -> tuple[list[int], list[str]]:
        """Numbers with a word for a passcode before them, else those with any label below a meeting id: places and numbers."""
        named: list[tuple[int, str]] = []
        below: list[tuple[int, str]] = []
        for found in _PASSCODE.finditer(self.text):
            before = self.text[max(0, found.start() - LABEL_MAX) : found.start()]
            one = (found.start(), digits(found[0]))
            if _PASS_LABEL.search(before):
                named.append(one)
            elif (
                not named
                and _ENDS_LINE.match(self.text, found.end())
                and _BELOW_ID.search(before)
                and not _NO_CODE.search(before)
            ):
                below.append(one)
        codes = named or below
        return [at for at, _ in codes], [code for _, code in codes]

    def zoom_passcode(self, meeting_id: str, written: str) -> str:
        """Return the numeric passcode of a Zoom meeting: the first behind its address, else the first, else that of one-tap dialling.

        A passcode with letters is for people only: a device sends digits.
        """
        if code := self._paused.get(meeting_id):
            return code
        places, codes = self._passcodes
        if not codes:
            return ""
        behind = bisect_left(places, max(0, self.text.find(written)))
        return codes[behind] if behind < len(codes) else codes[0]


def video_id(text: str, start: int, end: int, *, needs_word: bool = False) -> str:
    """Return the id that belongs to a tenant key at a place: one of 6 to 14 digits with a word for it, else the first shorter one behind.

    The conference id of the telephone ends with `#`; the id of the Teams meeting has 12 digits and more, and no word for video.
    """
    behind = list(_numbers(text, 6, ID_MAX, end, min(len(text), end + NEAR)))
    for found in behind:
        if _is_video_label(text, end, found.start(), is_strict=needs_word):
            return digits(found[0])
    for found in reversed(list(_numbers(text, 6, ID_MAX, max(0, start - NEAR), start))):
        if _is_video_label(text, 0, found.start(), is_strict=needs_word):
            return digits(found[0])
    short = (digits(found[0]) for found in behind if found.start() - end <= 2 * LABEL_MAX)
    return "" if needs_word else next((number for number in short if len(number) < 12), "")


def _is_video_label(text: str, floor: int, at: int, *, is_strict: bool) -> bool:
    """Tell whether a word for video stands before a number; strictly, as a label does: with a colon, a line or cell of its own, or `ID`."""
    label = _label(text, floor, at)
    return _VIDEO_WORDS.search(label) is not None and (
        not is_strict or _LABELS.search(f"{label}{text[max(0, at - 3) : at]}") is not None
    )


def _label(text: str, floor: int, at: int) -> str:
    """Return what stands before a number on its line, else on the line before; without addresses and hosts, which say nothing."""
    return _NAMES.sub(" ", text[max(floor, at - LABEL_MAX) : at].rstrip().rpartition("\n")[2])


def is_for_rooms(text: str, at: int, number: str) -> bool:
    """Tell whether digits at a host are a meeting's rather than a mailbox of somebody who has a number: long, or with a word for rooms."""
    if len(digits(number)) >= 9:
        return True
    before = " ".join([line for line in text[max(0, at - 2 * LABEL_MAX) : at].split("\n") if line.strip()][-2:])
    return _VIDEO_WORDS.search(before) is not None or _ROOM_WORDS.search(before) is not None


def is_tenant_key(text: str, start: int) -> bool:
    """Tell whether a word for a tenant key stands right before a place."""
    return _TENANT_WORDS.search(text, max(0, start - LABEL_MAX // 2), start) is not None


def follows_video_id(text: str, end: int) -> bool:
    """Tell whether a video id with a word for it comes right behind a place."""
    for found in _numbers(text, 6, ID_MAX, end, min(len(text), end + LABEL_MAX)):
        return _is_video_label(text, end, found.start(), is_strict=True)
    return False


def tenant_hosts(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield host names with a word for a tenant key before them: place, end, name."""
    for word in _TENANT_WORDS.finditer(text):
        found = _KEY_HOST.search(text, word.end(), min(len(text), word.end() + LABEL_MAX))
        if found and "@" not in text[word.end() : found.start()]:
            yield found.start(), found.end(), found[1]

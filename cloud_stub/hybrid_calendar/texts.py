"""The texts of an invitation as a reader sees them: HTML becomes its visible text and, behind it, the targets of its links.

HTML is read by a scanner of its own: nothing of the tree matters here, and mail comes with markup on which parsers that build a tree need
time and memory that grow with its square. Every pass here is linear.

Source: protocol/calendar-and-obtp.md 5.3.
"""

from __future__ import annotations

import html
import itertools
import quopri
import re
from dataclasses import dataclass
from typing import Final

TEXT_MAX: Final = 256 * 1024
"""Characters that are read of one text; of a longer one the middle is left out and told (`text_truncated`)."""
TAIL_MAX: Final = 64 * 1024
"""Of these, characters at the end of the text."""
LINKS_MAX: Final = 500
"""Link targets that are kept of one text; later ones are left out and told (`candidates_truncated`)."""
STRAY_QUOTES_MAX: Final = 16
"""Tags with an open quote after which quotes in tags do not count any more."""

_MARKUP: Final = re.compile(
    r"<(?:!doctype|html|head|body|div|p|br|span|a|b|i|u|table|tr|td|ul|ol|li|font|strong|em|h[1-6]|meta|style|img|hr|pre"
    r"|center|blockquote|o:p)(?:\s[^<>]{0,2000})?/?>",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,63})((?:[^>\"']|\"[^\"]*+\"|'[^']*+')*+)>")
_OPENS: Final = re.compile(r"<(?=[a-zA-Z/!?])")
_NAME: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:_-]{0,63})")
_HREF: Final = re.compile(r"(?<![\w-])href\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&#?\w{1,32};")
_REFERENCE: Final = re.compile(r"&(?:#[0-9]{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?")
_SPACES: Final = re.compile(r"[ \t\r\n\f\v\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_QUOTES: Final = re.compile(r"^[ \t]{0,8}(?:>[ \t]?)+", re.MULTILINE)
_BROKEN_LINK: Final = re.compile(r"<((?:https?|sips?):[^<>\"]{1,4000}+)>", re.IGNORECASE)
_SOFT_BREAK: Final = re.compile(r"=\r?\n")
_LEFT_QUOTED: Final = re.compile(r"=(?:3D|20\r?\n|C[23]=[89AB]|E2=80|D[01]=)")
_ENDS_IN_LINK: Final = re.compile(r"https?://[^\s<>\"]{1,100}$", re.IGNORECASE)
_REST_OF_LINK: Final = re.compile(r"(?!https?:)(?=[^\s%=&?/]{0,200}[%=&?/])[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%>]{1,400}")
_WRAPPED_LINES: Final = range(60, 81)
"""Lengths of lines at whose end a mail program has broken a link."""
_PIECES_MAX: Final = 100
"""Lines that one link may be broken into."""
_MARK: Final = "\ue000"
"""Stands for a link while its place is still unknown; a sign for private use, which no invitation needs."""
_IMAGE: Final = re.compile(r"data:[a-z]{1,20}/[a-z0-9.+-]{1,40};base64,[A-Za-z0-9+/=%\s]{1000,}+", re.IGNORECASE)
_FOLDS: Final = re.compile(r"[ \t]*[\r\n]+[ \t]*")

_INLINE: Final = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "o:p",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)
"""Tags that do not end a line."""
_HIDDEN: Final = frozenset({"head", "style", "script", "title", "template", "noscript", "xml"})
"""Elements whose content nobody sees."""
_INVISIBLE: Final = {
    **dict.fromkeys((0, 0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F))),
    **{wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)},  # the wide forms of ASCII signs
    **dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "),
    **{zero + digit: str(digit) for zero in (0x660, 0x6F0, 0x966) for digit in range(10)},  # of Arabic, Persian, Hindi
    0x2028: "\n",
    0x2029: "\n",
    0x2010: "-",
    0x2011: "-",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is read.

    Attributes:
        shown: what people see, without invisible signs, with plain spaces; lines as they are shown.
        hrefs: targets of links, in order; they count after everything that is shown.
        places: where in what is shown each of these links stands.
        diagnostics: `text_truncated`, `candidates_truncated`.
    """

    shown: str
    hrefs: tuple[str, ...] = ()
    places: tuple[int, ...] = ()
    diagnostics: tuple[str, ...] = ()


def is_markup(raw: str) -> bool:
    """Tell whether a text is HTML rather than plain."""
    return "<" in raw and _MARKUP.search(raw, 0, TEXT_MAX) is not None


def read_text(raw: str, is_html: bool | None = None) -> Text:
    """Read a text; where nobody says whether it is HTML, it is looked at."""
    odd = []
    if len(raw) > TEXT_MAX and "base64," in raw:
        raw = _IMAGE.sub("", raw)
    parts = [raw]
    if len(raw) > TEXT_MAX:  # invitations stand at the top, or below everything
        parts = [raw[: TEXT_MAX - TAIL_MAX], raw[-TAIL_MAX:]]
        odd.append("text_truncated")
    if is_html is None:
        is_html = is_markup(raw)
    hrefs: list[str] = []
    pieces: list[str] = []
    for part in map(_decoded, parts):
        if is_html:
            piece, links, lost = _visible(part.replace(_MARK, ""), LINKS_MAX - len(hrefs))
            hrefs += links
            if lost and "candidates_truncated" not in odd:
                odd.append("candidates_truncated")
        else:
            piece = _unquoted(part)
        pieces.append(piece)
    shown = "\n".join(pieces)
    if not shown.isascii() or "\0" in shown:
        shown = shown.translate(_INVISIBLE)
    if "<" in shown:
        shown = _BROKEN_LINK.sub(_joined, shown)
    places: list[int] = []
    if hrefs:
        between = shown.split(_MARK)
        places = list(itertools.accumulate(map(len, between)))[: len(hrefs)]
        shown = "".join(between)
    return Text(shown, tuple(hrefs), tuple(places), tuple(odd))


def _decoded(raw: str) -> str:
    """Decode quoted-printable that a mail program has left in a text."""
    if "=" in raw and raw.isascii() and _SOFT_BREAK.search(raw) and _LEFT_QUOTED.search(raw):
        return quopri.decodestring(raw.encode()).decode("utf-8", errors="replace")
    return raw


def _unquoted(raw: str) -> str:
    """Take the marks of a quoted mail from the lines, and entities that were left in a text."""
    if "&" in raw:
        raw = _ENTITY.sub(_signs, raw)
    raw = _QUOTES.sub("", raw) if ">" in raw else raw
    return _with_whole_links(raw) if "://" in raw and "\n" in raw else raw


def _with_whole_links(raw: str) -> str:
    """Join links that a mail program has broken at the end of a line."""
    out: list[str] = []
    before, pieces = "", 0
    for line in raw.replace("\r\n", "\n").split("\n"):
        is_open = len(before) in _WRAPPED_LINES and (pieces > 0 or _ENDS_IN_LINK.search(before) is not None)
        if is_open and pieces < _PIECES_MAX and _REST_OF_LINK.fullmatch(line):
            pieces += 1
        else:
            pieces = 0
            if out:
                out.append("\n")
        out.append(line)
        before = line
    return "".join(out)


def _joined(found: re.Match[str]) -> str:
    """Take line breaks out of a link that stands between angle brackets."""
    link = found[1]
    if "\n" not in link and "\r" not in link:
        return found[0]
    whole = _FOLDS.sub("", link)
    return found[0] if " " in whole else f"<{whole}>"


def _target(value: str) -> str:
    """Read a value of an attribute: there, other than in a text, an entity ends with a semicolon (`&notify=1` is none)."""
    return _ENTITY.sub(_signs, value).strip() if "&" in value else value.strip()


def _signs(reference: re.Match[str]) -> str:
    return html.unescape(
        reference[0]
    )  # only of bounded length: it reads numbers, and trips over those of thousands of digits


def _visible(raw: str, links_max: int) -> tuple[str, list[str], bool]:
    """Return the visible text of HTML, the targets of its links, and whether some of these were left out."""
    out: list[str] = []
    hrefs: list[str] = []
    at, end, strays, hidden, lost, preformatted = 0, len(raw), 0, "", False, 0
    while at < end:
        opens = _OPENS.search(raw, at)
        start = end if opens is None else opens.start()
        if start > at and not hidden:
            piece = raw[at:start]
            out.append(piece if preformatted else _SPACES.sub(" ", piece))
        if opens is None:
            break
        if raw.startswith("<!--", start):
            close = raw.find("-->", start + 4)
            at = end if close < 0 else close + 3
            continue
        tag = _TAG.match(raw, start) if strays < STRAY_QUOTES_MAX else None
        if tag is not None:
            closing, name, attributes, at = bool(tag[1]), tag[2].lower(), tag[3], tag.end()
        else:
            close = raw.find(">", start)
            if close < 0:
                break  # an open tag at the end shows nothing
            found = _NAME.match(raw, start)
            strays += found is not None
            closing, name = raw.startswith("</", start), found[1].lower() if found else "!"
            attributes, at = raw[start:close], close + 1
        if hidden:
            hidden = "" if closing and name == hidden else hidden
            continue
        if name in _HIDDEN and not closing and not attributes.endswith("/"):
            hidden = name
        elif name == "pre":
            preformatted = max(0, preformatted + (-1 if closing else 1))
            out.append("\n")
        elif name not in _INLINE:
            out.append("\t" if name in ("td", "th") else "" if name[0] == "!" else "\n")
        elif name == "a" and not closing and (href := _HREF.search(attributes)):
            lost = lost or len(hrefs) >= links_max
            if not lost:
                hrefs.append(_target(href[1] or href[2] or href[3] or ""))
                out.append(_MARK)
    return _REFERENCE.sub(_signs, "".join(out)), hrefs, lost

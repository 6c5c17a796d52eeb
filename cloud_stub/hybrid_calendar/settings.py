"""What an organization sets for its Hybrid Calendar, and which steps of its setup are missing.

Source: protocol/calendar-and-obtp.md 4.1 (keyword actions, languages, header and footer documented; the lead's values ours), O06 to O12.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from cloud_stub.hybrid_calendar.join_details import FIRST_LINE, LABELS, LAST_LINE, TEXT_CHARS_MAX
from cloud_stub.hybrid_calendar.keywords import KeywordRules
from cloud_stub.hybrid_calendar.site import personal_site
from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import BadRequest, CloudError
from cloud_stub.platform.records import HybridSettings, User, Workspace

LEADS: Final = (0, 5, 10, 15)
PLATFORMS: Final[Mapping[str, str]] = {"graph": "microsoft"}
"""Platforms that mailboxes can live on, and the calendar that a workspace on each of them has."""
MINIMAL: Final = ("auto", "always", "never")
"""When devices are told of a meeting by a notice only: when it is too long, always, or never."""
MINIMAL_BYTES: Final = range(256, 1024 * 1024)
SITES_MAX: Final = 20
JOIN_DELAY_S_MAX: Final = 86_400.0
ROWS_MAX: Final = 20_000
"""Rows of one import of users."""
EMAIL_COLUMNS: Final = ("user id/email (required)", "user id/email", "email")
NAME_COLUMN: Final = "display name"
SITE_COLUMN: Final = "preferredwebexsite"


class Step(NamedTuple):
    """A step of the setup (O06): its key, whether it is done, and what to do where it is not."""

    key: str
    is_done: bool
    todo: str


class Imported(msgspec.Struct, frozen=True):
    """What came of an import of users. `refused` pairs the number of a row, the first being 2, with what is wrong in it."""

    created: int
    changed: int
    refused: tuple[tuple[int, str], ...]


class Settings:
    """The settings of the seeded organization."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._table = platform.store[HybridSettings]

    @property
    def now(self) -> HybridSettings:
        """The settings as they are."""
        org_id = self._platform.org_id()
        return self._table.get(org_id) or HybridSettings(id=org_id)

    @property
    def rules(self) -> KeywordRules:
        """What the keywords are set to."""
        now = self.now
        return KeywordRules(webex=now.webex, meet=now.meet)  # type: ignore[arg-type]  # checked when they were set

    def change(self, **fields: Any) -> HybridSettings:
        """Change settings and return them.

        Raises:
            BadRequest: a setting that there is not, or a value that it cannot have.
        """
        unknown = sorted(set(fields) - (set(HybridSettings.__struct_fields__) - {"id"}))
        if unknown:
            known = ", ".join(name for name in HybridSettings.__struct_fields__ if name != "id")
            raise BadRequest(f"there is no setting {', '.join(unknown)}; there are {known}")
        try:
            if "sites" in fields:
                fields["sites"] = tuple(fields["sites"])
            changed = msgspec.convert(msgspec.to_builtins(msgspec.structs.replace(self.now, **fields)), HybridSettings)
        except (msgspec.ValidationError, TypeError) as error:
            raise BadRequest(str(error)) from None
        _check(changed)
        return self._table.put(changed)


def _check(settings: HybridSettings) -> None:
    try:
        KeywordRules(webex=settings.webex, meet=settings.meet)  # type: ignore[arg-type]  # it is what is checked here
    except ValueError as error:
        raise BadRequest(str(error)) from None
    rules = (
        (settings.meet != "tms" or settings.platform in ("graph", "google"), "TMS works with Office 365 in the cloud and with Google only"),
        (settings.platform in PLATFORMS, f"a platform is one of {', '.join(PLATFORMS)}"),
        (settings.lead_minutes in LEADS, f"the lead of the button is one of {', '.join(map(str, LEADS))} minutes"),
        (settings.language in LABELS, f"a language is one of {', '.join(LABELS)}"),
        (settings.minimal in MINIMAL, f"minimal is one of {', '.join(MINIMAL)}"),
        (settings.minimal_bytes in MINIMAL_BYTES, f"minimal_bytes is {MINIMAL_BYTES.start} to {MINIMAL_BYTES.stop - 1}"),
        (
            0 < len(settings.sites) <= SITES_MAX and all(_is_site(site) for site in settings.sites),
            f"sites are 1 to {SITES_MAX} names under .test or .example, such as roomsim.webex.test; the first is the default site",
        ),
        (
            max(len(settings.header), len(settings.footer)) <= TEXT_CHARS_MAX,
            f"header and footer have at most {TEXT_CHARS_MAX} characters",
        ),
        (
            not any(mark in text for mark in (FIRST_LINE, LAST_LINE) for text in (settings.header, settings.footer)),
            "header and footer have not the lines that mark the block of join details",
        ),
        (
            0 <= settings.join_delay_s <= JOIN_DELAY_S_MAX,
            f"join details take 0 to {JOIN_DELAY_S_MAX:g} seconds",
        ),
    )  # fmt: skip
    for holds, text in rules:
        if not holds:
            raise BadRequest(text)


def _is_site(name: str) -> bool:
    labels = name.split(".")
    fits = all(
        label and label.replace("-", "").isalnum() and label.isascii() and label == label.lower() for label in labels
    )
    return fits and len(labels) > 1 and labels[-1] in ("test", "example") and len(name) <= 253


def is_served(settings: HybridSettings, workspace: Workspace) -> bool:
    """Say whether the calendar of a workspace is on the platform of the organization: no other is listened to."""
    return workspace.calendar == PLATFORMS[settings.platform]


def setup_steps(settings: HybridSettings, workspace: Workspace, organizer: User | None = None) -> tuple[Step, ...]:
    """Return the steps of O06 in their order, as they stand for a workspace and, where it is asked for, a person's Personal Room."""
    name = workspace.name
    has_calendar = is_served(settings, workspace)
    menu = f"Workspaces > {name} > Scheduling > Calendar"
    todo = f"switch the calendar of {name} on: {menu}"
    if workspace.calendar != "none":
        wanted = PLATFORMS[settings.platform]
        todo = f"the calendar of {name} is {workspace.calendar}, which is not heard here: choose {wanted} at {menu}"
    steps = [
        Step("hybrid_calendar", settings.provisioned, "set up Hybrid Calendar for the organization"),
        Step("workspace_calendar", has_calendar, todo),
        Step(
            "workspace_address", has_calendar and bool(workspace.calendar_email),
            f"enter the address of the room mailbox at the calendar of {name}",
        ),
    ]  # fmt: skip
    if organizer is not None:
        steps.append(
            Step(
                "personal_room", personal_site(organizer, settings) is not None,
                f"tie a Personal Room to {organizer.email or organizer.name}: link the site, choose a preferred site, or import"
                " preferredWebExSite",
            )
        )  # fmt: skip
    return tuple(steps)


def missing_step(settings: HybridSettings, workspace: Workspace, organizer: User | None = None) -> Step | None:
    """Return the first step that is not done."""
    return next((step for step in setup_steps(settings, workspace, organizer) if not step.is_done), None)


def import_users(text: str, platform: Platform, directory: Directory, settings: HybridSettings) -> Imported:
    """Take over people from a CSV file: those of a new address are created, `preferredWebExSite` is set (O10 to O12).

    Columns are found by their headings, in any case and order; those that mean nothing here are left alone.

    Raises:
        BadRequest: the text is no CSV, has no column of addresses, or too many rows.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise BadRequest(f"the file is no CSV: {error}") from None
    if len(rows) > ROWS_MAX:
        raise BadRequest(f"an import has at most {ROWS_MAX} rows")
    columns = {str(name).strip().casefold().lstrip("\ufeff"): name for name in (rows[0] if rows else {}) if name}
    address_column = next((columns[name] for name in EMAIL_COLUMNS if name in columns), None)
    if address_column is None:
        raise BadRequest("an import has a heading and a column `User ID/Email (Required)`")
    known = {user.email.casefold(): user for user in platform.store[User] if user.email}
    created, changed = 0, 0
    refused = []
    for number, row in enumerate(rows, 2):
        values = {name: str(row.get(column) or "").strip() for name, column in columns.items()}
        email, site = str(row.get(address_column) or "").strip().lower(), values.get(SITE_COLUMN, "")
        try:
            _check_row(email, site, settings)
            person = known.get(email)
            if person is None:
                person = directory.create_person(values.get(NAME_COLUMN) or email.partition("@")[0], email)
                created += 1
            else:
                changed += 1
        except CloudError as error:
            refused.append((number, error.text))
            continue
        known[email] = platform.store[User].change(person.id, preferred_site=site or person.preferred_site)
    return Imported(created, changed, tuple(refused))


def _check_row(email: str, site: str, settings: HybridSettings) -> None:
    if email.count("@") != 1 or not all(email.split("@")):
        raise BadRequest(f"{email!r} is no address")
    if site and site not in settings.sites:
        raise BadRequest(f"{site} is no site of the organization; there are {', '.join(settings.sites)}")

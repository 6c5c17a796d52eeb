"""What calendar platforms refuse, with the words that Graph has for it."""

from __future__ import annotations

from cloud_stub.platform.errors import CloudError


class CalendarError(CloudError):
    """A calendar platform does not do it; `code` is Graph's word."""

    def __str__(self) -> str:
        return self.text


class UnknownMailbox(CalendarError):
    """404: nobody here has that address."""

    def __init__(self, address: str) -> None:
        super().__init__(404, f"The requested user '{address}' is invalid.", "ErrorInvalidUser")


class UnknownEvent(CalendarError):
    """404: the mailbox has no such event."""

    def __init__(self, text: str = "The specified object was not found in the store.") -> None:
        super().__init__(404, text, "ErrorItemNotFound")


class InvalidEvent(CalendarError):
    """400: what is asked cannot be an event, or not be done to this one; the text says what would be right."""

    def __init__(self, text: str, code: str = "ErrorInvalidRequest") -> None:
        super().__init__(400, text, code)


class UnknownTimeZone(InvalidEvent):
    """400: neither a Windows nor an IANA zone; the diagnostic key is `unknown_time_zone`. Source: 12.3."""

    key = "unknown_time_zone"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"unknown_time_zone: {name[:100]!r} is neither a Windows zone (W. Europe Standard Time) nor an IANA one (Europe/Oslo)",
            "TimeZoneNotSupportedException",
        )

"""Errors of the stub: each is the answer that it becomes.

CloudError             status, code, text; any answer that is no success
├── Unauthorized       401: no token, or one that is unknown, expired or revoked
├── Forbidden          403: the token is good, what it asks is not for it
├── NotFound           404: no such thing
├── Conflict           409: it cannot be done now
├── BadRequest         400: the request breaks its shape
├── BoundHit           503: a limit with a name; visible, never silent
└── StoreError         503: the disk does not take what has to be kept (in `store`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CloudError(Exception):
    """An answer that is no success.

    Attributes:
        status: HTTP status.
        code: the service's own code: a word (`code.expired`, `invalid_grant`) or seven digits; empty where it has none.
        text: a sentence for people.
        retry_after_s: whole seconds of a `Retry-After` header, else None.
        extra: further members of the body.
    """

    def __init__(
        self,
        status: int,
        text: str,
        code: str = "",
        *,
        retry_after_s: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.text = text
        self.code = code
        self.retry_after_s = retry_after_s
        self.extra = dict(extra or {})
        super().__init__(f"{status} {code or text}")


class Unauthorized(CloudError):
    """The request has no token that is good now."""

    def __init__(self, text: str = "The request has no valid access token.", code: str = "") -> None:
        super().__init__(401, text, code)


class Forbidden(CloudError):
    """The token is good, and what it asks is not for it."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(403, text, code)


class NotFound(CloudError):
    """There is no such thing."""

    def __init__(self, text: str = "not found", code: str = "404001") -> None:
        super().__init__(404, text, code)


class Conflict(CloudError):
    """It cannot be done in the present state."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(409, text, code)


class BadRequest(CloudError):
    """The request breaks its shape; the text names the member."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(400, text, code)


class BoundHit(CloudError):
    """A limit of the stub was hit: `bound` is its name, `limit` its value."""

    def __init__(self, bound: str, limit: int) -> None:
        self.bound = bound
        self.limit = limit
        super().__init__(503, f"{bound} is limited to {limit}")

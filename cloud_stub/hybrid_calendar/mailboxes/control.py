"""Mailboxes on the control API: any of them made and deleted, whoever's they are. Reference: docs/reference/control-api.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore, changed_processing
from cloud_stub.hybrid_calendar.mailboxes.zones import UTC_ZONE
from cloud_stub.platform.control import SCOPE, VERSION, require_loopback
from cloud_stub.platform.control_bodies import Body
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.mailbox_records import MailboxKind, Processing
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.platform.web import CONTROL


class _Made(Body, kw_only=True):
    address: str
    name: str = ""
    kind: MailboxKind = MailboxKind.ROOM
    zone: str = UTC_ZONE
    locale: str = "en-US"
    processing: dict[str, Any] = msgspec.field(default_factory=dict)


class MailboxControl:
    """What the control API can do to mailboxes.

    Args:
        changed: called when there is one more, or one less.
        make_person: given the address of each user's, who is to have an account too.
    """

    name = CONTROL

    def __init__(
        self,
        mailboxes: MailboxStore,
        changed: Callable[[], object],
        make_person: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._mailboxes = mailboxes
        self._changed = changed
        self._make_person = make_person
        path = VERSION + "/mailboxes"
        self.routes: Sequence[Route] = (
            Route("POST", path, self._make, Label.OURS, scopes=(SCOPE,)),
            Route("DELETE", path + "/{address}", self._delete, Label.OURS, scopes=(SCOPE,)),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def _make(self, call: Call) -> Answer:
        require_loopback(call.remote)
        body = call.read(_Made)
        processing = changed_processing(Processing(), _fields(body.processing))
        made = self._mailboxes.create_mailbox(
            body.address, body.name, kind=body.kind, zone=body.zone, locale=body.locale, processing=processing
        )
        if made.kind is MailboxKind.USER:
            self._make_person(made.address)
        self._changed()
        return Answer(made.shown())

    def _delete(self, call: Call) -> Answer:
        require_loopback(call.remote)
        self._mailboxes.delete_mailbox(call.params["address"])
        self._changed()
        return Answer(status=204)


def _fields(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings by the names of fields: `DeleteComments` is `delete_comments`; unknown names stay, to be refused."""
    known = dict(zip(Processing.__struct_encode_fields__, Processing.__struct_fields__, strict=True))
    return {known.get(name, name): value for name, value in settings.items()}

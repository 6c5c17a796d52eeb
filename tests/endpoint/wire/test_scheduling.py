"""What clients send about meetings: a documented error or success, nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from endpoint.wire import codec, scheduling
from endpoint.wire.errors import RemoteProtocolError
from tests.endpoint.wire.nearly import json_values, nearly

EVENT = {
    "encryptionKeyUrl": "kms://x.test/keys/1", "subject": "s", "notes": "n", "webexOptions": "{}", "start": "2026-03-02T09:00:00Z",
    "attendees": [{"displayName": "a", "email": "b"}], "durationMinutes": 30, "requestId": "1",
}  # fmt: skip
FREE_BUSY = {"requestId": "1", "start": "s", "end": "e", "emails": ["x"], "userIds": ["u"], "encryptionKeyUrl": "k"}


@given(nearly(EVENT) | nearly(FREE_BUSY) | json_values)
def test_requests_that_are_nearly_right(value: Any) -> None:
    for kind in (scheduling.EventRequest, scheduling.FreeBusyRequest, scheduling.RespondRequest, scheduling.EventReply):
        try:
            found: Any = codec.decode(codec.encode(value), kind)
        except RemoteProtocolError:
            continue
        assert codec.decode(codec.encode(found), kind) == found


def test_free_time_is_told_with_the_key_only_where_it_is_sealed() -> None:
    sealed = scheduling.free_busy_data("1", "kms://x.test/keys/1", [])[scheduling.FREE_BUSY_MEMBER]
    clear = scheduling.free_busy_data("1", None, [])[scheduling.FREE_BUSY_MEMBER]
    assert sealed == {**clear, "encryptionKeyUrl": "kms://x.test/keys/1"}

"""Microsoft Graph, as far as calendars of rooms and people need it: events, answers, subscriptions, free and busy.

The subset is that of protocol/calendar-and-obtp.md 13.2, where an unmodified client was observed with it. No credentials are asked for,
unless the cloud's settings say so: then any bearer token will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from cloud_stub.hybrid_calendar.mailboxes.drafts import Draft
from cloud_stub.hybrid_calendar.mailboxes.errors import CalendarError, InvalidEvent
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.hybrid_calendar.mailboxes.zones import iana, windows
from cloud_stub.hybrid_calendar.platforms.graph_json import EventIn, etag, event_json, read_fields, read_time
from cloud_stub.hybrid_calendar.platforms.graph_query import BadQuery, Query, parse_query
from cloud_stub.hybrid_calendar.platforms.graph_schedule import read_window, schedule_json
from cloud_stub.hybrid_calendar.platforms.hooks import Hooks, check_url
from cloud_stub.hybrid_calendar.platforms.office365 import Office365
from cloud_stub.hybrid_calendar.platforms.subscriptions import Subscriptions
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.mailbox_records import Answer, CalendarSubscription, MailboxEvent
from cloud_stub.platform.routes import Answer as Reply
from cloud_stub.platform.routes import Call, Label, Route
from endpoint.runtime.clock import iso_seconds
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError

SERVICE: Final = "graph"
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
"""What a request may carry: 4 MiB, as Graph's own limit."""
AHEAD_MAX: Final = timedelta(days=3650)
"""How far from now a window ends; ours: series are worked out as far as is asked."""
VIEW_MAX: Final = timedelta(days=1825)
"""The longest calendar view."""
CLIENT_STATE_CHARS_MAX: Final = 128
CHANGES: Final = ("created", "updated", "deleted")
CODES: Final = {
    404: "ResourceNotFound",
    405: "UnsupportedHttpMethod",
    413: "RequestEntityTooLarge",
    503: "ServiceUnavailable",
}
"""Words for refusals by status, where they are not those of calendars."""
_WINDOW: Final = frozenset({"startDateTime", "endDateTime"})


class _Subscribe(msgspec.Struct, kw_only=True, rename="camel"):
    change_type: str
    notification_url: str
    resource: str
    expiration_date_time: str
    client_state: str | None = None
    lifecycle_notification_url: str | None = None


class _Renew(msgspec.Struct, kw_only=True, rename="camel"):
    expiration_date_time: str


class Graph:
    """The routes of Graph."""

    name = SERVICE

    def __init__(self, platform: Platform, mailboxes: MailboxStore, hooks: Hooks) -> None:
        self._platform = platform
        self._mailboxes = mailboxes
        self._hooks = hooks
        self.subscriptions = Subscriptions(platform, Office365.name, hooks)
        self.office365 = Office365(platform, mailboxes, self.subscriptions)
        self.routes: Sequence[Route] = (*self._event_routes(), *self._other_routes())
        mailboxes.watch(self.subscriptions.tell)

    def _event_routes(self) -> list[Route]:
        routes = []
        for base in ("/users/{user}", "/users/{user}/calendar"):
            ran = Label.OBSERVED if base.endswith("}") else Label.DOCUMENTED
            made = Label.DOCUMENTED if base.endswith("}") else Label.OBSERVED
            one = base + "/events/{id}"
            routes += [
                self._route("POST", base + "/events", self._create, made),
                self._route("GET", base + "/events", self._list, ran),
                self._route("GET", base + "/calendarView", self._view, ran),
                self._route("GET", one, self._get, ran),
                self._route("PATCH", one, self._patch, ran),
                self._route("DELETE", one, self._delete, ran),
                self._route("GET", one + "/instances", self._instances, ran),
                self._route("POST", one + "/accept", self._answering(Answer.ACCEPTED), ran),
                self._route("POST", one + "/decline", self._answering(Answer.DECLINED), ran),
                self._route("POST", one + "/tentativelyAccept", self._answering(Answer.TENTATIVE), Label.DOCUMENTED),
                self._route("POST", one + "/cancel", self._cancel, ran),
            ]
        return routes

    def _other_routes(self) -> list[Route]:
        observed, subscription = Label.OBSERVED, "/subscriptions/{id}"
        return [
            self._route("GET", "/users/{user}/mailboxSettings", self._settings, observed),
            self._route("POST", "/users/{user}/calendar/getSchedule", self._schedule, observed),
            Route("POST", "/subscriptions", self._subscribe, observed, auth=False, body_bytes_max=BODY_BYTES_MAX),
            self._route("PATCH", subscription, self._renew, observed),
            self._route("DELETE", subscription, self._unsubscribe, observed),
        ]

    def _route(self, method: str, path: str, handler: Callable[[Call], Reply], label: Label) -> Route:
        def checked(call: Call) -> Reply:
            self._admit(call)
            headers = self._headers(call)  # a zone that there is not is refused before anything is changed
            answer = handler(call)
            return Reply(answer.body, answer.status, {**headers, **answer.headers})

        return Route(method, path, checked, label, auth=False, body_bytes_max=BODY_BYTES_MAX)

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as Graph does."""
        is_ours = not error.code or error.code.isdigit() or error.code.startswith("http.")
        code = CODES.get(error.status, "generalException") if is_ours else error.code
        inner = {
            "date": self._platform.now().strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": tracking_id,
            "client-request-id": tracking_id,
        }
        return {"error": {"code": code, "message": error.text, "innerError": inner}}

    async def stop(self) -> None:
        """Send nothing any more."""
        self.subscriptions.stop()
        await self._hooks.stop()

    # -- events -----------------------------------------------------------------------------------------------------------------------

    def _create(self, call: Call) -> Reply:
        user = self._user(call)
        fields = read_fields(_read(call, EventIn))
        missing = [name for name in ("start", "end") if name not in fields]
        if missing:
            raise InvalidEvent(f"an event needs {' and '.join(missing)}", "ErrorPropertyValidationFailure")
        event = self._mailboxes.create(user, Draft(**fields))
        body = self._shown(call, event)
        return Reply(
            body, 201, {"Location": f"{self._base(call)}/users/{quote(user)}/events/{event.id}", "ETag": etag(event)}
        )

    def _get(self, call: Call) -> Reply:
        event = self._event(call)
        query = parse_query(dict(call.query))
        return Reply(query.cut(self._shown(call, event, query)), headers={"ETag": etag(event)})

    def _patch(self, call: Call) -> Reply:
        before = self._event(call)
        self._match(call, before)
        fields = read_fields(_read(call, EventIn), before)
        event = self._mailboxes.update(before.mailbox, before.id, **fields) if fields else before
        return Reply(self._shown(call, event), headers={"ETag": etag(event)})

    def _delete(self, call: Call) -> Reply:
        event = self._event(call)
        self._match(call, event)
        self._mailboxes.delete(event.mailbox, event.id)
        return Reply(status=204)

    def _match(self, call: Call, event: MailboxEvent) -> None:
        wanted = call.headers.get("If-Match", "*").strip()
        if wanted != "*" and wanted != etag(event):
            raise CalendarError(
                412, "The ETag in the request does not match that of the event.", "ErrorIrresolvableConflict"
            )

    def _list(self, call: Call) -> Reply:
        query = parse_query(dict(call.query))
        return self._page(call, query, self._mailboxes.events(self._user(call)))

    def _view(self, call: Call) -> Reply:
        query = parse_query(dict(call.query), further=_WINDOW)
        return self._page(call, query, self._mailboxes.occurrences(self._user(call), *self._window(call)))

    def _instances(self, call: Call) -> Reply:
        query = parse_query(dict(call.query), further=_WINDOW)
        event = self._event(call)
        return self._page(call, query, self._mailboxes.instances(event.mailbox, event.id, *self._window(call)))

    def _page(self, call: Call, query: Query, events: list[MailboxEvent]) -> Reply:
        found = query.apply(events)
        page = found[query.skip : query.skip + query.top]
        body: dict[str, Any] = {"value": [query.cut(self._shown(call, event, query)) for event in page]}
        if query.counts:
            body["@odata.count"] = len(found)
        after = query.skip + query.top
        if after < len(found):
            rest = {name: value for name, value in call.query.items() if name != "$skip"}
            body["@odata.nextLink"] = (
                f"{self._here(call)}?{urlencode({**rest, '$skip': str(after)}, safe='$', quote_via=quote)}"
            )
        return Reply(body)

    def _answering(self, answer: Answer) -> Callable[[Call], Reply]:
        def respond(call: Call) -> Reply:
            given = _read_loosely(call)
            comment, tells = given.get("comment") or "", given.get("sendresponse")
            if not isinstance(comment, str) or not (tells is None or isinstance(tells, bool)):
                raise InvalidEvent("Comment is a text and SendResponse true or false")
            event = self._event(call)
            self._mailboxes.respond(event.mailbox, event.id, answer, comment, tells=tells is not False)
            return Reply(status=202)

        return respond

    def _cancel(self, call: Call) -> Reply:
        comment = _read_loosely(call).get("comment") or ""
        event = self._event(call)
        self._mailboxes.cancel(event.mailbox, event.id, str(comment))
        return Reply(status=202)

    # -- mailboxes --------------------------------------------------------------------------------------------------------------------

    def _settings(self, call: Call) -> Reply:
        mailbox = self.office365.mailbox(call.params["user"])
        return Reply({"timeZone": windows(mailbox.zone), "language": {"locale": mailbox.locale}})

    def _schedule(self, call: Call) -> Reply:
        self._user(call)
        asked = _read_loosely(call)
        self._near(read_window(asked)[1])
        return Reply({"value": schedule_json(self._mailboxes, asked, self._zone(call))})

    # -- subscriptions ----------------------------------------------------------------------------------------------------------------

    async def _subscribe(self, call: Call) -> Reply:
        self._admit(call)
        asked = _read(call, _Subscribe)
        changes = tuple(dict.fromkeys(word.strip().lower() for word in asked.change_type.split(",")))
        if not changes or any(word not in CHANGES for word in changes):
            raise CalendarError(400, f"changeType is one or more of {', '.join(CHANGES)}.", "InvalidRequest")
        if len(asked.client_state or "") > CLIENT_STATE_CHARS_MAX:
            raise CalendarError(400, f"clientState has at most {CLIENT_STATE_CHARS_MAX} characters.", "InvalidRequest")
        address = self.office365.mailbox(_mailbox_of(asked.resource)).address
        expires = self.subscriptions.life(_expiry(asked.expiration_date_time))
        subscription_id = self.subscriptions.new_id(address)
        for url in filter(None, (asked.notification_url, asked.lifecycle_notification_url)):
            check_url(url)
        token = f"Validation: Testing client application reachability for subscription Request-Id: {subscription_id}"
        for url in dict.fromkeys(filter(None, (asked.notification_url, asked.lifecycle_notification_url))):
            await self._hooks.validate(url, token)
        self.office365.mailbox(address)  # it may have gone meanwhile
        record = CalendarSubscription(
            id=subscription_id, mailbox=address, expires=expires, created=self._platform.now(), changes=changes, resource=asked.resource,
            url=asked.notification_url, lifecycle_url=asked.lifecycle_notification_url or "", client_state=asked.client_state or "",
        )  # fmt: skip
        return Reply(self._subscription(self.subscriptions.add(record)), 201, self._headers(call))

    def _renew(self, call: Call) -> Reply:
        asked = _read(call, _Renew)
        return Reply(
            self._subscription(self.subscriptions.renew(call.params["id"], _expiry(asked.expiration_date_time)))
        )

    def _unsubscribe(self, call: Call) -> Reply:
        self.subscriptions.remove(call.params["id"])
        return Reply(status=204)

    def _subscription(self, one: CalendarSubscription) -> dict[str, Any]:
        return {
            "id": one.id, "resource": one.resource, "changeType": ",".join(one.changes), "notificationUrl": one.url,
            "lifecycleNotificationUrl": one.lifecycle_url or None, "clientState": one.client_state or None,
            "expirationDateTime": iso_seconds(one.expires), "applicationId": None, "creatorId": None,
        }  # fmt: skip

    # -- small things -----------------------------------------------------------------------------------------------------------------

    def _admit(self, call: Call) -> None:
        kind, _, token = call.headers.get("Authorization", "").partition(" ")
        if self._platform.settings.graph_needs_token and not (kind.lower() == "bearer" and token.strip()):
            raise CalendarError(401, "Access token is empty.", "InvalidAuthenticationToken")

    def _user(self, call: Call) -> str:
        return self.office365.mailbox(call.params["user"]).address

    def _event(self, call: Call) -> MailboxEvent:
        return self.office365.event(call.params["user"], call.params["id"])

    def _zone(self, call: Call) -> str:
        """Return the zone that times leave in, as the client named it."""
        for part in call.headers.get("Prefer", "").split(","):
            name, _, value = part.strip().partition("=")
            if name.strip().lower() == "outlook.timezone":
                zone = value.strip().strip('"')
                iana(zone)
                return zone
        return "UTC"

    def _shown(self, call: Call, event: MailboxEvent, query: Query | None = None) -> dict[str, Any]:
        return event_json(event, self._zone(call), show=query.shows_property if query is not None else None)

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {
            "request-id": call.answer_id,
            "client-request-id": call.headers.get("client-request-id", call.answer_id)[:256],
        }
        if "outlook.timezone" in call.headers.get("Prefer", "").lower():
            headers["Preference-Applied"] = f'outlook.timezone="{self._zone(call)}"'
        return headers

    def _window(self, call: Call) -> tuple[datetime, datetime]:
        start, end = _window(call)
        self._near(end)
        return start, end

    def _near(self, end: datetime) -> None:
        if end - self._platform.now() > AHEAD_MAX:
            raise CalendarError(
                400, f"A time window ends at most {AHEAD_MAX.days} days from now.", "ErrorInvalidParameter"
            )

    def _base(self, call: Call) -> str:
        return self._platform.hosts.base(SERVICE, call.origin)

    def _here(self, call: Call) -> str:
        path = call.path.partition("/v1.0")[2]
        return self._base(call) + quote(path)


def _read(call: Call, kind: type[Any]) -> Any:
    try:
        return codec.decode(call.body, kind)
    except RemoteProtocolError as error:
        raise CalendarError(400, f"{error.where}: {error.rule}", "RequestBodyRead") from None


def _read_loosely(call: Call) -> dict[str, Any]:
    """Read the body of an action: its members come in any case."""
    if not call.body.strip():
        return {}
    given: dict[str, Any] = _read(call, dict[str, Any])
    return {name.lower(): value for name, value in given.items()}


def _window(call: Call) -> tuple[datetime, datetime]:
    """Read the window of a view, UTC where no offset is given."""
    ends = []
    for name in ("startDateTime", "endDateTime"):
        text = call.query.get(name)
        if text is None:
            raise CalendarError(
                400,
                f"This request requires a time window specified by the query string parameter {name}.",
                "ErrorInvalidParameter",
            )
        at = read_time(text.replace(" ", "+"), name)  # an offset's plus that was not encoded
        ends.append(at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
    start, end = ends
    if end < start:
        raise CalendarError(400, "The end of the time window is before its start.", "ErrorInvalidParameter")
    if end - start > VIEW_MAX or start.year < 1900:
        raise CalendarError(
            400, f"A time window has at most {VIEW_MAX.days} days and begins after 1900.", "ErrorInvalidParameter"
        )
    return start, end


def _mailbox_of(resource: str) -> str:
    parts = resource.strip("/").split("/")
    if len(parts) == 3 and (parts[0].lower(), parts[2].lower()) == ("users", "events"):
        return parts[1].replace("%40", "@")
    raise CalendarError(
        400,
        f"The resource {resource[:80]!r} is not supported here; write /users/room@contoso.test/events.",
        "InvalidRequest",
    )


def _expiry(text: str) -> datetime:
    try:
        at = read_time(text, "expirationDateTime")
    except InvalidEvent as error:
        raise BadQuery(error.text, "InvalidRequest") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

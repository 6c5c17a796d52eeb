"""The device's tokens: refreshed before they expire and when they are refused, and sent to nobody who is not in the catalogue.

Source: protocol/cloud-services.md section 8, 2.2; activation-and-media.md section 6, R30 to R33.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from endpoint.cloud.account import Account, check_sendable, milliseconds
from endpoint.cloud.http import Answer, Backoff, Call, Http, is_passing
from endpoint.cloud.shared import Shared
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, Refused, Unreachable
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import conventions, identity
from endpoint.wire.activation.messages import CLIENT_ID
from endpoint.wire.activation.rules import RETRYING_MAX_S
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import AccessToken

RETRY_S: Final = 60.0
"""After a refresh that failed for the moment."""
REFRESH_SOONEST_S: Final = 1.0
"""A cloud that grants tokens without a life is not asked in a tight loop."""
OAUTH_ERRORS: Final = frozenset(
    {
        identity.INVALID_REQUEST, identity.INVALID_CLIENT, identity.INVALID_GRANT, identity.UNAUTHORIZED_CLIENT,
        identity.UNSUPPORTED_GRANT_TYPE, identity.INVALID_SCOPE,
    }
)  # fmt: skip


class AccountGone(EndpointError):
    """There is no account, or not the one any more that something was asked for."""


class ForeignHost(EndpointError):
    """A request with a token was about to go to a host that is not in the catalogue, or in clear where the catalogue says TLS."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(f"no token for {host}: it is not in the service catalogue")


Origin = tuple[bool, str]


def origin(url: str) -> Origin:
    """Return what a token is bound to: TLS or not, and `host:port`.

    Raises:
        ForeignHost: not a URL.
    """
    if not conventions.is_url(url):
        raise ForeignHost("what is no URL")
    return url.startswith(("https:", "wss:")), conventions.authority(url)


class Identity:
    """Keep one device's token alive and put it on requests."""

    def __init__(
        self,
        world: World,
        http: Http,
        tasks: Tasks,
        *,
        keep: Callable[[Account], None],
        on_gone: Callable[[str], object],
        allows: Callable[[Origin], bool],
    ) -> None:
        self._world = world
        self._http = http
        self._tasks = tasks
        self._keep = keep
        self._on_gone = on_gone
        self._allows = allows
        self._draws = world.chance.stream("token refresh")
        self._timer: Timer | None = None
        self._refreshing: Shared[None] = Shared(tasks, "token refresh")
        self.generation = 0
        """Grows with each account that comes or goes: what was asked for another generation is not used."""
        self.account: Account | None = None
        self.on_token_judged: Callable[[bool, str], object] = lambda is_good, url: None
        """Told after each answer whether a token was good, or not even a new one, and the URL that was asked."""

    def start(self, account: Account) -> None:
        """Use an account from now on, and refresh its token in time."""
        self.generation += 1
        self.account = account
        self._schedule(account)

    def stop(self) -> None:
        """Forget the account and stop refreshing."""
        self.generation += 1
        self.account = None
        self._refreshing.drop()
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _plan(self, wait_s: float) -> None:
        self._cancel_timer()
        self._timer = self._world.clock.call_later(wait_s, self._due)

    def _schedule(self, account: Account) -> None:
        """Plan the next refresh at 60 to 90 % of what the token has left."""
        remaining_s = account.token.remaining_s(milliseconds(self._world.clock.now()))
        fraction = self._draws.uniform(identity.REFRESH_FRACTION_MIN, identity.REFRESH_FRACTION_MAX)
        wait_s = max(round(identity.refresh_delay_s(remaining_s, fraction)), REFRESH_SOONEST_S)
        self._world.log.line("Wx2", "3", f"Token refresh in {wait_s:g} second(s)")
        self._plan(wait_s)

    def _due(self) -> None:
        self._timer = None
        self._tasks.start(self._refresh_quietly(), "token refresh is due")

    async def _refresh_quietly(self) -> None:
        try:
            await self.refresh()
        except EndpointError:
            return  # logged, and planned anew

    async def refresh(self) -> None:
        """Get a new token; callers at the same time share one request.

        Raises:
            AccountGone: there is no account, or the identity service refused the refresh token for good.
            Unreachable, Refused: no new token for now; the old one stays.
        """
        if self.account is None:
            raise AccountGone("the device has no account")
        await self._refreshing.run(self._refresh)

    async def _refresh(self) -> None:
        world, account = self._world, self.account
        assert account is not None
        try:
            answer = await self._http.send_until_answered(
                lambda: _refresh_call(account), Backoff(world, "token refresh"), total_s=RETRYING_MAX_S
            )
        except Unreachable as error:
            self._failed(error.reason)
            raise
        if not answer.ok:
            self._refused(answer)
        now_ms = milliseconds(world.clock.now())
        try:
            token = identity.renewed(account.token, check_sendable(identity.parse_token(answer.body)).dated(now_ms))
        except RemoteProtocolError as error:
            self._failed(f"unexpected content ({error.where})")
            raise Refused(answer.status) from None
        self.account = account.with_token(token)
        self._keep(self.account)
        world.log.line("Wx2", "3", "Token refreshed")
        self._schedule(self.account)

    def _refused(self, answer: Answer) -> None:
        error = "" if is_passing(answer.status) else conventions.read_error(answer.body).text
        if error == identity.INVALID_GRANT:
            self._world.log.line("Wx2", "W", f"Token refresh failed: {error}")
            self._on_gone("invalid_grant")
            raise AccountGone("the identity service answered invalid_grant")
        self._failed(error if error in OAUTH_ERRORS else str(answer.status))
        raise answer.refusal(self._world.clock.now())

    def _failed(self, reason: str) -> None:
        self._world.log.line("Wx2", "W", f"Token refresh failed: {reason}")
        self._plan(RETRY_S)

    def check_host(self, url: str) -> None:
        """Refuse a URL that no token may be sent to (ForeignHost)."""
        found = origin(url)
        if not self._allows(found):
            raise ForeignHost(found[1])

    async def send(self, call: Call) -> Answer:
        """Send a request with the token; a 401 is answered by one refresh and one replay, whose tracking id ends in `+1`.

        Raises:
            ForeignHost: the URL leads out of the catalogue; nothing was sent.
            AccountGone: there is no account, or it was lost on the way: its answer is of no use any more.
            Unreachable: as `Http.send`.
        """
        if self.account is None:
            raise AccountGone("the device has no account")
        self.check_host(call.url)
        generation, used = self.generation, self.account.token.access_token
        answer = await self._http.send(replace(call, token=used))
        if answer.status == 401 and self.generation == generation:
            answer = await self._replay(call, answer, used)
        if self.generation != generation:
            raise AccountGone("the account was removed during a request")
        if not is_passing(answer.status):
            self.on_token_judged(answer.status != 401, call.url)
        return answer

    async def _replay(self, call: Call, refused: Answer, used: AccessToken) -> Answer:
        """Ask again with another token, which somebody may have fetched meanwhile; if none is to be had the refusal stands."""
        if self.account is not None and self.account.token.access_token == used:
            try:
                await self.refresh()
            except (Unreachable, Refused):
                return refused
        if self.account is None:
            return refused
        tracking_id = str(conventions.parse_tracking_id(refused.tracking_id).replayed())
        return await self._http.send(replace(call, token=self.account.token.access_token, tracking_id=tracking_id))

    async def send_until_answered(
        self,
        make: Callable[[], Call],
        backoff: Backoff,
        *,
        retry: Callable[[int], bool] = is_passing,
        total_s: float = RETRYING_MAX_S,
    ) -> Answer:
        """Repeat `send` while nobody answers or the answer is not final; see `Http.send_until_answered`."""
        return await self._http.send_until_answered(make, backoff, retry=retry, total_s=total_s, sender=self.send)


def _refresh_call(account: Account) -> Call:
    refresh_token = account.token.refresh_token
    if refresh_token is None:
        raise AccountGone("there is no refresh token")
    form = identity.refresh_form(refresh_token, client_id=CLIENT_ID)
    return Call("POST", account.idbroker + identity.GRANT_PATH, "idbroker", form=form)

"""Activation codes: how they come to be, what time does to them, how they end.

A code goes NEW -> PENDING at a good invoke -> CONSUMED at register; five wrong proofs lock it, seven days end it. Time is looked at when
somebody asks, there are no timers. Source: protocol/activation-and-media.md 2.2, 2.6 and 2.8. Label: ours; the life of a code documented.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import BadRequest, CloudError
from cloud_stub.platform.records import Challenge, Code, CodeState, Pending
from endpoint.runtime.chance import Stream
from endpoint.wire import srp
from endpoint.wire.activation import ERRORS, rules
from endpoint.wire.secret import Secret

CODE_LIFE_S_MAX = 366 * 86_400.0
CODE_DRAWS_MAX = 1_000
"""Draws of a public half until one is free; beyond it the code space is as good as full."""


def refusal(code: str, *, attempts_left: int | None = None, retry_after_s: int | None = None) -> CloudError:
    """Build the refusal of a row of the error table."""
    row = ERRORS[code]
    extra = {} if attempts_left is None else {"attemptsLeft": attempts_left}
    return CloudError(row.status, row.when, code, retry_after_s=retry_after_s, extra=extra)


class Codes:
    """All activation codes."""

    def __init__(self, platform: Platform, directory: Directory) -> None:
        self._platform = platform
        self._directory = directory
        self._store = platform.store

    def create(
        self, *, workspace_id: str = "", person_id: str = "", model: str = "", life_s: float = rules.CODE_LIFE_S
    ) -> tuple[Code, Secret]:
        """Create an activation code; its 16 digits are in the returned secret and nowhere else.

        Raises:
            NotFound: there is no such workspace or person.
        """
        owner = self._directory.workspace(workspace_id) if workspace_id else self._directory.user(person_id)
        self._forget_old()
        draws = self._platform.chance.stream(
            "activation code", owner.id, self._platform.nth("activation code", owner.id)
        )
        code_id = self._free_id(draws)
        password = draws.digits(8)
        salt = _salt(draws)
        now = self._platform.now()
        code = Code(
            id=code_id,
            salt=salt,
            verifier=srp.GROUP.pad(srp.verifier(code_id.encode(), password.encode(), salt)),
            org_id=owner.org_id,
            workspace_id=workspace_id,
            person_id=person_id,
            model=model,
            created=now,
            expires=now + timedelta(seconds=life_s),
        )
        self._store[Code].put(code)
        self._trace(code, None)
        return code, Secret("activation_code", code_id + password)

    def current(self, code_id: str) -> Code | None:
        """Return a code as it stands now: what time has done to it is written down first."""
        code = self._store[Code].get(code_id)
        if code is None:
            return None
        now = self._platform.now()
        pending = self._store[Pending].get(code.pending_id) if code.pending_id else None
        if pending is not None and not pending.answer and now >= pending.expires:
            self._lapse(pending)
            code = self._store[Code].get(code_id)
            assert code is not None, "a lapse keeps the code"
        if code.state not in (CodeState.CONSUMED, CodeState.EXPIRED) and now >= code.expires:
            with self._store.transaction():
                self.kill_challenges(code)
                code = self.move(code, CodeState.EXPIRED, ended=code.expires)
        return code

    def expire(self, code_id: str) -> Code | None:
        """Let a code expire now; None if there is none."""
        if self.current(code_id) is None:
            return None
        self._store[Code].change(code_id, expires=self._platform.now())
        return self.current(code_id)

    def delete(self, code_id: str) -> Code | None:
        """Remove a code as the administrator does: later requests meet `code.unknown`. None if there is none."""
        code = self.current(code_id)
        if code is not None:
            with self._store.transaction():
                self.kill_challenges(code)
                if code.state is not CodeState.CONSUMED and code.pending_id:
                    self.drop_pending(code)
                self._store[Code].drop(code_id)
        return code

    # -- what exchanges do to their code ----------------------------------------------------------------------------------------------

    def move(self, code: Code, state: CodeState, **fields: object) -> Code:
        """Put a code into a state, change other fields with it, and write the step into the trace."""
        before = code.state
        code = self._store[Code].change(code.id, state=state, **fields)
        if before is not state:
            self._trace(code, before)
        return code

    def kill_challenges(self, code: Code) -> None:
        """Let the open challenges of a code die."""
        for challenge in self._store[Challenge].where("code_id", code.id):
            self._store[Challenge].drop(challenge.id)

    def drop_pending(self, code: Code) -> None:
        """Let the pending exchange of a code die, and the tokens that it gave."""
        pending = self._store[Pending].drop(code.pending_id)
        if pending is not None:
            for token_id in pending.token_ids:
                self._platform.tokens.revoke(token_id)

    def _lapse(self, pending: Pending) -> None:
        """Take back what an exchange gave that nobody finished."""
        code = self._store[Code].get(pending.code_id)
        with self._store.transaction():
            for token_id in pending.token_ids:
                self._platform.tokens.revoke(token_id)
            self._store[Pending].drop(pending.id)
            if code is not None and code.pending_id == pending.id:
                state = CodeState.NEW if code.state is CodeState.PENDING else code.state
                self.move(code, state, pending_id="")

    def _free_id(self, draws: Stream) -> str:
        for _ in range(CODE_DRAWS_MAX):
            code_id = draws.digits(8)
            if code_id not in self._store[Code]:
                return code_id
        raise CloudError(503, "no activation code is free")

    def _forget_old(self) -> None:
        """Forget codes that ended 30 days ago, and exchanges that nobody asks for any more."""
        now = self._platform.now()
        while (oldest := self._store[Pending].first()) is not None and now >= oldest.expires:
            if not oldest.answer:
                self._lapse(oldest)
            self._store[Pending].drop(oldest.id)
        while (first := self._store[Code].first()) is not None and now >= _forgotten_at(first):
            self.delete(first.id)

    def _trace(self, code: Code, before: CodeState | None) -> None:
        data = {"machine": "code", "code": code.id, "from": before, "to": code.state}
        self._platform.trace.event("cloud:activation", "machine", data=data, label="ours")


def problem_of(code: Code | None) -> str | None:
    """Return the error of a code that opens no exchange, in the order of the error table; None if it does."""
    if code is None:
        return "code.unknown"
    if code.state is CodeState.EXPIRED:
        return "code.expired"
    if code.state is CodeState.CONSUMED:
        return "code.used"
    return "code.locked" if code.state is CodeState.LOCKED else None


def check_life(life_s: float) -> None:
    """Check how long a code is to live.

    Raises:
        BadRequest: less than no time, or over a year.
    """
    if not 0 <= life_s <= CODE_LIFE_S_MAX:
        raise BadRequest(f"a code lives 0 to {CODE_LIFE_S_MAX:.0f} seconds")


def _forgotten_at(code: Code) -> datetime:
    return (code.ended or code.expires) + timedelta(seconds=rules.CODE_KEPT_S)


def _salt(draws: Stream) -> bytes:
    while (salt := draws.bytes(rules.SALT_BYTES))[0] == 0:
        pass
    return salt

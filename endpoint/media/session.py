"""The media of one call: what is offered, the path that is found, and what becomes of it.

Connectivity checks are real; that media flows afterwards is modelled, and so are its figures. A call costs one timer.

Source: protocol/activation-and-media.md section 13, lines R70 and R73; cloud-services.md 9.7 (limits).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from endpoint.media.checks import Path, Race
from endpoint.media.local import LocalSide
from endpoint.media.obstacles import conditions, is_link_down, is_silent
from endpoint.media.quality import Conditions, Quality
from endpoint.media.stats import AUDIO_RATE, Figures
from endpoint.media.table import TABLE, Begun, Closed, Effect, Heard, Lost, Missed, NoPath, PathFound, State
from endpoint.runtime.clock import Timer
from endpoint.runtime.statetable import Machine
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire.callcontrol import Media
from endpoint.wire.calliope import Best, Transport
from endpoint.wire.client_metrics import ClientError, MediaStats, MediaType, error_of_ice
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.sdp import Candidate, Description, parse
from endpoint.wire.stun_transaction import whole_ms

WATCH_S: Final = 2.5
LOST_S: Final = 10.0
"""Media of which nothing was heard for so long is lost; a reconnection takes as long (cloud-services.md 9.7)."""
DTLS_ROUND_TRIPS: Final = 2
"""What the keys take once a path is found (RFC 6347, 4.2.4); modelled."""
NO_MEDIA: Final = Media(ice="Failed", has_video=False, receive_rate=0, transmit_rate=0)


class Session:
    """The media of one call.

    Args:
        call: what the log calls it by (`p=2`).
        discovered: gives the best answer of each transport, None before discovery was complete.
    """

    __slots__ = (
        "_attempt", "_call", "_discovered", "_figures", "_flowed_s", "_has_answer", "_heard_s", "_local", "_machine", "_media", "_path",
        "_quality", "_race", "_reconnecting", "_remote", "_runs", "_tasks", "_timer", "_tls", "_world", "on_change", "on_lost",
        "on_quality",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        tasks: Tasks,
        call: str,
        local: LocalSide,
        *,
        tls: Callable[[], TlsClient | None],
        discovered: Callable[[], Best | None],
    ) -> None:
        self._world = world
        self._tasks = tasks
        self._call = call
        self._local = local
        self._tls = tls
        self._discovered = discovered
        self._machine = Machine(TABLE, self._on_change)
        self._remote: Description | None = None
        self._has_answer = False
        self._media = NO_MEDIA
        self._path: Path | None = None
        self._figures = Figures()
        self._quality = Quality()
        self._heard_s = self._flowed_s = 0.0
        self._attempt = 0
        self._runs = 0
        self._race: Race | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self.on_change: Callable[[Media], object] = lambda media: None
        """Told when media is back after a loss, on another path or the same, and when it is given up (`ice` Failed)."""
        self.on_lost: Callable[[], object] = lambda: None
        """Told when nothing has come for 10 s; three reconnections follow once the link is up, and another whenever the way seems free."""

        self.on_quality: Callable[[Conditions | None], object] = lambda conditions: None
        """Told when the path has become poor, and how; None when it is good again, or of no matter any more."""

    # -- what is offered --

    def offer(self) -> str:
        """Return the local description. It holds the key of the connectivity checks: show it through `wire.sdp.redacted`."""
        return self._local.offer()

    def mute(self, muted: bool) -> str:
        """Mute or unmute the microphones; returns the new offer."""
        self._pass_time()
        self._local.muted = muted
        return self._local.offer()

    def hold(self, held: bool) -> str:
        """Hold, or take back; returns the new offer."""
        self._pass_time()
        self._local.held = held
        return self._local.offer()

    # -- the path --

    async def connect(self, remote_sdp: str) -> Media:
        """Take the far side's description and find a path; never raises: without one `ice` is Failed.

        A description that names the ends in use changes what flows, and no check is made; one that cannot be read leaves what there is.
        Of several at a time the last one holds.
        """
        if self._is_closed:
            return NO_MEDIA
        try:
            remote = parse(remote_sdp)
        except RemoteProtocolError as error:
            about = {"what": "sdp", "where": error.where, "rule": error.rule}
            self._world.trace.event(self._world.who, "drop", data=about)
            if self._media.ice != "Failed":
                return self._media
            remote = None
        self._has_answer = remote is not None
        if (
            remote is not None
            and self._remote is not None
            and self._media.ice != "Failed"
            and _ends(remote) == _ends(self._remote)
        ):
            self._pass_time()
            self._remote = remote
            self._media = self._agreed(self._media)
            return self._media
        self._runs += 1
        run, began_s = self._runs, self._world.clock.time()
        self._end_race()
        self._feed(Begun())
        self._media, self._path, self._remote, self._attempt = NO_MEDIA, None, remote, 0
        path = await self._find()
        if run != self._runs or self._is_closed:
            return self._media
        if remote is None or (path is None and remote.ice is not None):
            self._feed(NoPath(0))
            return self._media
        self._take(path, whole_ms(self._world.clock.time() - began_s) if path is not None else 0)
        return self._media

    @property
    def _is_closed(self) -> bool:
        return self._machine.state is State.CLOSED

    async def _find(self) -> Path | None:
        """Check the candidates of the far side, and agree on keys with the one that is taken."""
        remote = self._remote
        if remote is None or remote.ice is None:
            return None
        best = self._discovered()
        hopeless = [transport for transport in Transport if transport not in best] if best else ()
        ids = self._world.chance.stream("ice", self._call, self._runs, self._attempt)
        race = self._race = Race(self._world, _candidates(remote), ids, tls=self._tls(), hopeless=hopeless)
        path = await race.run()
        if race is not self._race:
            return None
        self._race = None
        if path is None:
            self._world.log.line("Wx2Call", "W", f"ICE failed {self._call}: {race.tried} candidate pairs tried")
            return None
        await self._world.clock.sleep(DTLS_ROUND_TRIPS * path.rtt_ms / 1000)
        return path

    def _take(self, path: Path | None, took_ms: int) -> None:
        """Use a path from now on; None is the address of a far side that knows no ICE."""
        self._path, self._attempt = path, 0
        self._media = self._agreed(self._along(path, took_ms))
        data = {"call": self._call, "ice": self._media.ice, "path": self._media.path, "took_ms": took_ms}
        self._world.trace.event(self._world.who, "media.path", data=data)
        self._flowed_s = self._world.clock.time()
        self._feed(PathFound())

    def _along(self, path: Path | None, took_ms: int) -> Media:
        if path is None:
            encrypted = self._remote is not None and self._remote.fingerprint
            return Media(ice="Disabled") if encrypted else Media(ice="Disabled", encryption="None")
        transport, host = path.candidate.transport, path.candidate.host
        self._world.log.line("Wx2Call", "I", f"media path {self._call} {transport.log_name}")
        return Media(
            path=transport.log_name,
            negotiation_ms=took_ms,
            local_ip=_with_port(self._local.address, self._local.port),
            remote_ip=_with_port(host, path.candidate.port),
            xtls_host=host if transport is Transport.XTLS else "",
        )

    def _agreed(self, media: Media) -> Media:
        """Put into the media what both descriptions say of streams and rates."""
        remote, rate = self._remote, self._local.rate
        if remote is not None and remote.rate:
            rate = min(rate, remote.rate)
        return replace(media, has_video="video" in self.streams, receive_rate=rate, transmit_rate=rate)

    @property
    def streams(self) -> tuple[MediaType, ...]:
        """The streams that were agreed on, for `CallEvents.media_started`: audio, and video unless there is none."""
        if self._remote is None:
            return ()
        kinds = {line.kind for line in self._remote.media if line.port and not line.is_slides}
        offered: tuple[MediaType, ...] = ("audio", "video") if self._local.has_video else ("audio",)
        return tuple(kind for kind in offered if kind in kinds)

    # -- whether it holds --

    def _feed(self, event: object) -> None:
        for effect in self._machine.feed(event):
            assert isinstance(effect, Effect)
            _DO[effect](self)

    def _on_change(self, machine: str, before: State, event: object, after: State) -> None:
        data = {
            "machine": machine,
            "call": self._call,
            "from": before.value,
            "event": type(event).__name__,
            "to": after.value,
        }
        self._world.trace.event(self._world.who, "machine", data=data)

    def _watch(self) -> None:
        self._heard_s = self._world.clock.time()
        self._plan()

    def _plan(self) -> None:
        self._stop_watching()
        self._timer = self._world.clock.call_later(WATCH_S, self._tick)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._plan()
        was_silent = self._machine.state is State.SILENT
        silent = is_silent(self._world, self._candidate)
        self._pass_time(100.0 if silent or was_silent else None)
        now_s = self._world.clock.time()
        if silent:
            self._feed(Missed())
            if self._machine.state is State.SILENT and now_s - self._heard_s >= LOST_S - 1e-6:
                self._feed(Lost())
        else:
            self._heard_s = now_s
            self._feed(Heard())
            if self._machine.state is State.FLOWING:
                self._look()

    def _look(self) -> None:
        """Judge the path, and keep video to what it can carry."""
        now = conditions(self._world, self._candidate)
        if self._quality.look(now):
            self.on_quality(now if self._quality.is_poor else None)
        changed = self._quality.adapt(now, self._media.transmit_rate) if "video" in self.streams else None
        if changed is not None:
            rates = f"{changed[0] * 1000} -> {changed[1] * 1000} bit/s"
            self._world.log.line("Wx2Call", "3", f"rate adapt {self._call} video {rates} loss={now.loss:.0f}%")

    def _forget_quality(self) -> None:
        was_poor, self._quality = self._quality.is_poor, Quality()
        if was_poor:
            self.on_quality(None)

    @property
    def _candidate(self) -> Candidate | None:
        return self._path.candidate if self._path is not None else None

    def _tell_lost(self) -> None:
        self._forget_quality()
        self.on_lost()

    def _reconnect(self) -> None:
        self._attempt += 1
        self._reconnecting = self._tasks.start(self._try_again(self._runs), f"media of call {self._call}")

    async def _try_again(self, run: int) -> None:
        """Try to reconnect, once; a link that is down is waited for and uses up no attempt."""
        clock, remote = self._world.clock, self._remote
        while is_link_down(self._world):
            await clock.sleep(WATCH_S)
        began_s = clock.time()
        path = await self._find()
        found = path is not None
        if not found:
            await clock.sleep(max(0.0, began_s + LOST_S - clock.time()))
            found = remote is not None and remote.ice is None and not is_silent(self._world, None)
        if run != self._runs or self._machine.state is not State.RECONNECTING:
            return
        self._reconnecting = None
        if found:
            self._take(path, whole_ms(clock.time() - began_s) if path is not None else 0)
        else:
            self._feed(NoPath(self._attempt))

    def _give_up_reconnecting(self) -> None:
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            self._reconnecting = None

    def _tell_change(self) -> None:
        self.on_change(self._media)

    def _tell_gone(self) -> None:
        self._media = replace(self._media, ice="Failed", path="", local_ip="", remote_ip="", xtls_host="")
        self.on_change(self._media)

    # -- figures --

    @property
    def _rates(self) -> dict[MediaType, tuple[int, int]]:
        """What is sent and received, in kbit/s; the far side is believed to send what it may."""
        local, rates = self._local, dict[MediaType, tuple[int, int]]()
        for stream in self.streams:
            agreed = self._media.transmit_rate
            rate = AUDIO_RATE if stream == "audio" else min(agreed, self._quality.rate or agreed)
            sends = not local.held and not (stream == "audio" and local.muted)
            rates[stream] = (rate if sends else 0, 0 if local.held else rate)
        return rates

    def _pass_time(self, loss: float | None = None) -> None:
        """Count what has flowed since this was last asked."""
        now_s = self._world.clock.time()
        if self._machine.state in (State.FLOWING, State.SILENT):
            share = conditions(self._world, self._candidate).loss if loss is None else loss
            self._figures.flow(now_s - self._flowed_s, self._rates, share)
        self._flowed_s = now_s

    def stats(self) -> MediaStats:
        """Return the figures since the media began; they are modelled."""
        self._pass_time(100.0 if self._machine.state is State.SILENT else None)
        rtt_ms = self._path.rtt_ms if self._path is not None else 0
        added_ms = conditions(self._world, self._candidate).jitter_ms
        return MediaStats(self._media.path, rtt_ms, self._figures.streams(self._rates, rtt_ms, added_ms))

    @property
    def failure(self) -> ClientError:
        """Why there is no media, in the words of the event dictionary: for `client.ice.end` after `ice` Failed."""
        best = self._discovered()
        return error_of_ice(has_answer=self._has_answer, reachable=best is None or bool(best))

    def close(self) -> None:
        """End it: no timer and no task is left."""
        if self._is_closed:
            return
        self._pass_time()
        self._forget_quality()
        self._feed(Closed())
        self._end_race()

    def _end_race(self) -> None:
        race, self._race = self._race, None
        if race is not None:
            race.end()


_DO: Final[Mapping[Effect, Callable[[Session], object]]] = {
    Effect.WATCH: Session._watch,
    Effect.STOP_WATCHING: Session._stop_watching,
    Effect.TELL_LOST: Session._tell_lost,
    Effect.TELL_BACK: Session._tell_change,
    Effect.TELL_GONE: Session._tell_gone,
    Effect.RECONNECT: Session._reconnect,
    Effect.GIVE_UP_RECONNECTING: Session._give_up_reconnecting,
}


def _candidates(remote: Description) -> tuple[Candidate, ...]:
    """Return the candidates of the first medium that is not refused, as far as they wait for us: all media share one path."""
    listed = next((line.candidates for line in remote.media if line.port), ())
    return tuple(one for one in listed if one.port and one.tcp_type != "active")


def _ends(remote: Description) -> object:
    """Return what tells one far end from another. Its credentials do not: as our offers never restart ICE, new ones mean nothing."""
    return (
        remote.address if remote.ice is None else {(one.transport, one.host, one.port) for one in _candidates(remote)}
    )


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

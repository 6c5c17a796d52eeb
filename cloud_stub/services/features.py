"""Feature toggles: kept per user, sent with each registration, pushed when they change.

Source: protocol/cloud-services.md 4.5; the push is observed, the calls documented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, Forbidden
from cloud_stub.platform.records import Toggle, User
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from endpoint.runtime.clock import iso_ms
from endpoint.wire.features import KINDS, PUSHED_KINDS, Feature, FeatureSets, text_of, update_data

TOGGLES_PER_USER = 500
KEY_CHARS_MAX = 128
Push = Callable[[str, dict[str, Any]], int]

SEEDED: dict[str, tuple[Feature, ...]] = {
    "developer": (
        Feature(
            key="Android-one-on-one-space-obtp", val="true", mutable=True, group="ALL", percentage=100, org_id="GLOBAL", type="DEV",
            deleted_time=0, last_modified="2018-06-07T18:54:23.332Z",
        ),
    ),
    "entitlement": (Feature(key="sparkKms", val="true", mutable=False),),
    "user": (),
}  # fmt: skip
"""Toggles that everybody has: the one of the slides, and one entitlement."""


class _Setting(msgspec.Struct, kw_only=True):
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=KEY_CHARS_MAX)]
    val: str | bool | int | float
    mutable: bool | str = True


class _Bundled(_Setting, kw_only=True):
    type: Literal["USER", "DEV"]


class Features:
    """The toggle service, and what WDM needs of it."""

    name = "feature"

    def __init__(self, platform: Platform, push: Push) -> None:
        self._platform = platform
        self._push = push
        self.routes = (
            Route("POST", "/features/users/{user}/toggles", self._bundle, Label.DOCUMENTED, shows_body=True),
            Route("POST", "/features/users/{user}/{kind}", self._set_one, Label.DOCUMENTED, shows_body=True),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def sets(self, user_id: str) -> FeatureSets:
        """Return the three sets of a user."""
        sets = FeatureSets(**SEEDED)
        for key, value in self._platform.settings.developer_toggles.items():
            text = value if isinstance(value, str) else text_of(value)
            sets = sets.with_feature("developer", Feature(key=key, val=text, mutable=True))
        for toggle in self._platform.store[Toggle].where("user_id", user_id):
            sets = sets.with_feature(toggle.kind, _feature(toggle))
        return sets

    def etag(self, user_id: str) -> str:
        """Return the etag of a registration: it changes with the developer toggles of its user."""
        user = self._platform.store[User].get(user_id)
        return f'W/"{user.toggles_revision if user is not None else 0}"'

    def set(
        self, user_id: str, kind: str, key: str, value: str | bool | int | float, *, mutable: bool = True
    ) -> Feature:
        """Set a toggle of a user, and push it where clients take pushes of its kind.

        Raises:
            BadRequest: no such kind, no key, or too many toggles.
        """
        if kind not in KINDS:
            raise BadRequest(f"a toggle is one of {', '.join(KINDS)}")
        if not 1 <= len(key) <= KEY_CHARS_MAX:
            raise BadRequest(f"a key has 1 to {KEY_CHARS_MAX} characters")
        table, toggle_id = self._platform.store[Toggle], f"{user_id}/{kind}/{key}"
        if toggle_id not in table and len(table.where("user_id", user_id)) >= TOGGLES_PER_USER:
            raise BadRequest(f"a user has at most {TOGGLES_PER_USER} toggles")
        user = self._platform.store[User].get(user_id)
        if user is None:
            raise BadRequest("there is no such user")
        text = value if isinstance(value, str) else text_of(value)
        with self._platform.store.transaction():
            toggle = table.put(
                Toggle(
                    id=toggle_id, user_id=user_id, kind=kind, key=key, val=text, modified=self._platform.now(), mutable=mutable
                )
            )  # fmt: skip
            if kind == "developer":
                self._platform.store[User].change(user_id, toggles_revision=user.toggles_revision + 1)
        feature = _feature(toggle)
        if kind in PUSHED_KINDS:
            self._push(user_id, update_data(kind, feature))
        return feature

    def _set_one(self, call: Call) -> Answer:
        setting = call.read(_Setting)
        return Answer(self.set(_own(call), call.params["kind"], setting.key, setting.val))

    def _bundle(self, call: Call) -> Answer:
        user_id = _own(call)
        kinds = {"USER": "user", "DEV": "developer"}
        done = [
            {
                "type": setting.type,
                **msgspec.to_builtins(self.set(user_id, kinds[setting.type], setting.key, setting.val)),
            }
            for setting in call.read(list[_Bundled])
        ]
        return Answer({"featureToggles": done})


def _own(call: Call) -> str:
    if call.params["user"] != call.caller.id and not call.caller.is_admin:
        raise Forbidden("these are the toggles of somebody else")
    return call.params["user"]


def _feature(toggle: Toggle) -> Feature:
    return Feature(key=toggle.key, val=toggle.val, mutable=toggle.mutable, last_modified=iso_ms(toggle.modified))

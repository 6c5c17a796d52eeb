"""Organizations, workspaces, people and machine accounts: how they come to be, and the ids they are known by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, NotFound
from cloud_stub.platform.records import Device, Org, User, UserKind, Workspace

NAME_CHARS_MAX = 256
T = TypeVar("T")


class Directory:
    """Who there is. Ids are drawn under stable names: a workspace's under its name, an account's under its workspace."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store
        self.on_machine: Callable[[User], object] = lambda _: None
        """Called with the account of every device that is made."""

    def create_org(self, name: str) -> Org:
        """Create an organization."""
        org_id = self._platform.new_id("organization", name)
        return self._store[Org].put(Org(id=org_id, name=name, created=self._platform.now()))

    def create_workspace(
        self,
        name: str,
        *,
        kind: str = "notSet",
        capacity: int | None = None,
        notes: str = "",
    ) -> Workspace:
        """Create a workspace; names may repeat.

        Raises:
            BadRequest: no name, or too long a one.
        """
        _check_name(name, "displayName")
        return self._store[Workspace].put(
            Workspace(
                id=self._platform.new_id("workspace", name),
                org_id=self._platform.org_id(),
                name=name,
                created=self._platform.now(),
                type=kind,
                capacity=capacity,
                notes=notes,
            )
        )

    def create_person(self, name: str, email: str = "", *, is_admin: bool = False) -> User:
        """Create a person.

        Raises:
            BadRequest: no name, or the address is taken.
        """
        _check_name(name, "displayName")
        if email and self._store[User].where("email", email):
            raise BadRequest(f"the address {email} is taken")
        return self._store[User].put(
            User(
                id=self._platform.new_id("person", name, email),
                org_id=self._platform.org_id(),
                kind=UserKind.PERSON,
                name=name,
                email=email,
                created=self._platform.now(),
                is_admin=is_admin,
            )
        )

    def create_machine(self, workspace: Workspace) -> User:
        """Create the machine account of a workspace's next device."""
        machine = self._store[User].put(
            User(
                id=self._platform.new_id("machine account", workspace.id),
                org_id=workspace.org_id,
                kind=UserKind.MACHINE,
                name=workspace.name,
                created=self._platform.now(),
                workspace_id=workspace.id,
            )
        )
        self.on_machine(machine)
        return machine

    def workspace(self, workspace_id: str) -> Workspace:
        """Return a workspace; NotFound if there is none of that id."""
        return found(self._store[Workspace].get(workspace_id), "workspace")

    def user(self, user_id: str) -> User:
        """Return a user; NotFound if there is none of that id."""
        return found(self._store[User].get(user_id), "user")

    def device(self, device_id: str) -> Device:
        """Return a device; NotFound if there is none of that id."""
        return found(self._store[Device].get(device_id), "device")

    def device_of(self, user_id: str) -> Device | None:
        """Return the device of an account, None if it has none."""
        return next(iter(self._store[Device].where("user_id", user_id)), None)


def _check_name(name: str, member: str) -> None:
    if not name or len(name) > NAME_CHARS_MAX:
        raise BadRequest(f"{member} has 1 to {NAME_CHARS_MAX} characters")


def found(record: T | None, what: str) -> T:
    """Return a record that has to be there; NotFound otherwise."""
    if record is None:
        raise NotFound(f"there is no such {what}")
    return record

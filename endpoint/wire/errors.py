"""Errors of the wire: they say who broke the rule.

    WireError
    ├── LocalProtocolError    our own caller asked for what the protocol forbids
    └── RemoteProtocolError   the other side broke the rule

A parser of received bytes raises the remote kind, a builder of sent bytes the local kind; no error changes side on its
way up.
"""

from __future__ import annotations


class WireError(Exception):
    """Root of everything that can be wrong with a message."""


class LocalProtocolError(WireError):
    """Our own caller asked for a message that the protocol forbids: a defect on this side."""


class RemoteProtocolError(WireError):
    """The other side sent something that breaks a rule.

    Attributes:
        where: field path or byte offset of the first wrong thing.
        rule: what would have been right, with its source where it has one.
        got: a short, already redacted rendering of what came; never a secret.
    """

    def __init__(self, where: str, rule: str, got: str = "") -> None:
        self.where = where
        self.rule = rule
        self.got = got
        super().__init__(f"{where}: {rule}" + (f", got {got}" if got else ""))

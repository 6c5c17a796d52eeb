"""Diagnostics messages. Source: protocol/activation-and-media.md 15.4."""

from __future__ import annotations

import pytest

from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.terminal import status_lines
from endpoint.xapi.diagnostics import KINDS, Diagnostics
from endpoint.xapi.tree import Changes, Tree


def _diagnostics() -> tuple[Diagnostics, Tree, list[Changes]]:
    tree, told = Tree(), list[Changes]()
    tree.listen((), told.append)
    return Diagnostics(tree), tree, told


def test_a_message_comes_as_one_group_with_everything_in_it() -> None:
    diagnostics, tree, told = _diagnostics()
    diagnostics.put("WebexConnectivity", True, {"host": "u2c.wbx2.test", "reason": "no answer"})
    assert len(told) == 1
    assert status_lines(tree) == [
        '*s Diagnostics Message 1 Description: "The device cannot reach the Webex cloud."',
        "*s Diagnostics Message 1 Level: Error",
        '*s Diagnostics Message 1 References: "host=u2c.wbx2.test&reason=no answer"',
        "*s Diagnostics Message 1 Type: WebexConnectivity",
    ]
    assert diagnostics.types == {"WebexConnectivity": "Error"}


def test_a_message_that_persists_is_no_change() -> None:
    diagnostics, _, told = _diagnostics()
    for _ in range(3):
        diagnostics.put("TCPMediaFallback", True, {"transport": "tcp"})
    assert len(told) == 1
    diagnostics.put("TCPMediaFallback", True, {"transport": "tls"})
    assert told[1:] == [{("Diagnostics", "Message", 1, "References"): "transport=tls"}]


def test_a_message_goes_whole_and_its_number_is_not_given_again() -> None:
    diagnostics, tree, told = _diagnostics()
    diagnostics.put("WebexConnectivity", True)
    diagnostics.put("TCPMediaFallback", True)
    diagnostics.put("WebexConnectivity", False)
    assert set(told[-1].values()) == {None}
    assert len(told[-1]) == 4
    assert diagnostics.types == {"TCPMediaFallback": "Warning"}
    diagnostics.put("WebexConnectivity", True)
    assert {path[2] for path, _ in tree} == {2, 3}


def test_what_does_not_hold_cannot_end() -> None:
    diagnostics, _, told = _diagnostics()
    diagnostics.put("WebexConnectivity", False)
    assert (told, diagnostics.types) == ([], {})


def test_a_level_may_be_another_than_the_usual() -> None:
    diagnostics, _, _ = _diagnostics()
    diagnostics.put("MediaBlockingDetected", True, level="Warning")
    assert diagnostics.types == {"MediaBlockingDetected": "Warning"}
    diagnostics.put("MediaBlockingDetected", True)
    assert diagnostics.types == {"MediaBlockingDetected": "Error"}


def test_a_type_that_nobody_declared_is_a_defect_and_leaves_no_trace() -> None:
    diagnostics, tree, told = _diagnostics()
    with pytest.raises(KeyError):
        diagnostics.put("NoSuchType", True)
    assert (list(tree), told, diagnostics.types) == ([], [], {})


def test_every_type_is_a_word_of_the_node_table() -> None:
    literals = nodes().words("Status", "Diagnostics Message[n] Type")
    assert literals is not None
    assert set(KINDS) <= set(literals)
    levels = nodes().words("Status", "Diagnostics Message[n] Level")
    assert {kind.level for kind in KINDS.values()} <= set(levels or ())

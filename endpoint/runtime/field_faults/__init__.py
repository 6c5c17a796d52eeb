"""The fault table: 58 faults that devices meet in the field, each one switch.

A row names what breaks, what the device writes, shows and does, and the faults of the vocabulary that make it happen. Scenarios, the
control API and the shell take a row by its id. Source: protocol/activation-and-media.md section 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from endpoint.runtime.field_faults import calls, channel, device, joining, media, network
from endpoint.runtime.field_faults.row import Row

ROWS: Final[Mapping[str, Row]] = {
    row.id: row for rows in (network, channel, joining, media, calls, device) for row in rows.ROWS
}
"""All rows by their ids, in the order of the table."""
SWITCHES: Final[Mapping[str, Row]] = {switch.id: switch for row in ROWS.values() for switch in row.switches}
"""All rows and their variants by the names that switch them on."""

"""Commands that belong to the device as a whole: power, registration, diagnostics, logs. Those of the room are in `endpoint.room`."""

"""The device: its parts put together."""

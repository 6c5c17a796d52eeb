"""The device's side of each cloud service."""

"""xAPI clients of scenarios: real ones, at the doors of a device."""

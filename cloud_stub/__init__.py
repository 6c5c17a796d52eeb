"""The stub of the cloud that the simulated device lives in."""

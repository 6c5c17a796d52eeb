"""The simulated device: a cloud-registered video room endpoint."""

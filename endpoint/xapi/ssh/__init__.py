"""The SSH door: the shell of the device, "tshell"."""

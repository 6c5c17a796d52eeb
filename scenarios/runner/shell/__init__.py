"""`roomsim shell`: the xAPI of a device at a prompt."""

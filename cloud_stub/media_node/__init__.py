"""Media nodes: STUN responders over UDP, TCP and TLS."""

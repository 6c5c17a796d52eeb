"""What all services stand on: store, tokens, hosts, journal, control API."""

"""What crosses the network: pure codecs and message types, shared by both sides."""

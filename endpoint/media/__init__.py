"""Media of the device: what is agreed on with a media node, the path to it, and whether it holds."""

"""The HTTP doors of the xAPI: the websocket and the XML API behind one port."""

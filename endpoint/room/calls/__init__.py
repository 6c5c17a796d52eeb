"""Calls as the room has them: numbers, states, what is shown of them, and the commands that make and end them. Knows no network."""

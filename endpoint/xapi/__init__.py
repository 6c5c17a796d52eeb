"""The xAPI tree."""

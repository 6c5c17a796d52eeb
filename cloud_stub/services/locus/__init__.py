"""Locus: calls and meetings of the stub cloud."""

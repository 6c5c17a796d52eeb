"""Trouble drawn from the seed: the verb `chaos`, and swarms of it over whole scenarios."""

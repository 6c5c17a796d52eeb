"""The xAPI as data: node table, paths, renderings."""

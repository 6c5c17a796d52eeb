"""Histories that were written: reading, drawing, comparing, counting and judging traces."""

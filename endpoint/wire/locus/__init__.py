"""Locus, the protocol of calls and meetings: what a call looks like, how two views of it are compared, and what is asked of it."""

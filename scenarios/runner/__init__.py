"""The runner: language, stage, verbs, checks, reports, command line."""

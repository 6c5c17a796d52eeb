"""The stories, and the runner that puts device and cloud on one stage."""

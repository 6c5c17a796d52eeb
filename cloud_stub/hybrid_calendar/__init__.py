"""Hybrid Calendar and what it reads: mailboxes, calendar platforms, invitations, join details."""

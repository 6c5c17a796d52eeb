"""Mailboxes of rooms and people: events with recurrence, one copy per attendee, rooms that answer by themselves."""

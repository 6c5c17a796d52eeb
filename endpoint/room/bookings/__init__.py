"""The bookings of the room: from the meetings of the calendar to the Join button."""

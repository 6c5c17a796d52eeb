"""Calendar platforms: ways in and out of the mailboxes, each in the words of its vendor."""

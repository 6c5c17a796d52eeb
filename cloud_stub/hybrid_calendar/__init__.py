"""What the cloud makes of invitations: keywords, video addresses, and the invitation files they come in."""

"""What stands between the room and the cloud, on the customer's own ground."""

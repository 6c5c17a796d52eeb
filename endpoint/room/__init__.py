"""What people in the room see and do. Knows no network and no transport: it reads settings and shows itself through ports."""

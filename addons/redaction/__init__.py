"""What must not stand in a recorded file."""

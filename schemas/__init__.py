"""Messages, codec and topic table."""

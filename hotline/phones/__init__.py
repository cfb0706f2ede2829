"""What the engine can speak through: an AGI channel, a terminal, a script in a test."""

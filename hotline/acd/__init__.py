"""The queue core: who waits, who is free, who gets whom. All of its state is in Redis."""

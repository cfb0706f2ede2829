"""Promises: voicemail kept in an outbox, and the moment it will be called back."""

"""The machine room: private programs, PBX, callers, phones and sound for the demonstration, tests and benchmarks."""

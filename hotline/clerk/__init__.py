"""Staff at the command line, at messages and promises: what `hotline voicemail` and `hotline callbacks` do."""

"""A caller's wire: FastAGI, from grammar (`protocol`) to one live channel (`channel`) to the listener (`server`)."""

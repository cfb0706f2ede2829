"""An IVR and ACD for Asterisk. Start reading at `app`, where everything is built once."""

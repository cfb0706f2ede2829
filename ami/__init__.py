"""The PBX's wire: typed events (`events`) and the one guarded client (`client`)."""

"""Menus as data (`model`), the Phone they speak through (`phone`), and the engine that walks them."""

"""Simulated days: calls of a scenario through the real queue core, on a virtual clock and a Redis of their own.

Needs numpy and scipy: `pip install '.[simulate]'`.
"""

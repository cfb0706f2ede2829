"""A configuration file → the hotline it describes, or every problem in it at once, each with its place."""

from hotline.schema.build import load, loads
from hotline.schema.config import Config
from hotline.schema.problems import ConfigError, Problem

__all__ = ["Config", "ConfigError", "Problem", "load", "loads"]

"""Train VAEs, measure how their latents align with generative factors, and see why."""

from importlib.metadata import version

__version__ = version("vaescope")

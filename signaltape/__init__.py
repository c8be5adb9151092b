"""signaltape turns market bars into trading signals and watches the models that make them."""

from signaltape._version import VERSION as __version__

__all__ = ["__version__"]

"""O2R, the Observability-to-Revenue analytics platform."""

__version__ = "0.2.0"

"""The warehouse: the embedded server, connections, and the database scripts."""

from o2r.warehouse.connection import connect, connection_parameters, environment
from o2r.warehouse.setup import setup

__all__ = ["connect", "connection_parameters", "environment", "setup"]

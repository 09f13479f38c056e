"""Metabase made from the definitions: connection, collections, cards, dashboards, permissions."""

from o2r.dashboards.metabase.check import check
from o2r.dashboards.metabase.provision import provision

__all__ = ["check", "provision"]

"""Metabase made from the definitions: connection, collections, cards, dashboards, permissions."""

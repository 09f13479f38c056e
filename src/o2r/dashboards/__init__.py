"""Dashboards as code: one definition, shown by Metabase and by a site that needs no server."""

"""Runs of dbt: building, publishing, slim CI, and the ledger of what was built."""

"""Checks of the dbt project that dbt and sqlfluff do not make."""

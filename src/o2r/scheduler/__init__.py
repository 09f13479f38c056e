"""`make airflow`: Airflow on this machine, its metadata beside the warehouse.

Airflow is started as commands; this package never imports it. Its folder is `<O2R_HOME>/airflow`.
"""

from o2r.scheduler.serve import serve, stop

__all__ = ["serve", "stop"]

"""What happens when a task has failed for good: one structured log line, and perhaps a webhook."""

from __future__ import annotations

import json
import logging
import urllib.request
from typing import Any

from airflow.sdk import Variable

WEBHOOK = "o2r_alert_webhook"
"""Variable with the URL that gets alerts; AIRFLOW_VAR_O2R_ALERT_WEBHOOK sets it as well."""
SECONDS_TO_ANSWER = 10

log = logging.getLogger("o2r.alerts")


def task_failed(context: dict[str, Any]) -> None:
    """Log the failure as one line of JSON, and post it to the webhook if there is one.

    A webhook that does not answer is logged, without its address, which may hold a secret.
    """
    ti = context["ti"]
    alert = {
        "event": "task_failed",
        "dag_id": ti.dag_id,
        "task_id": ti.task_id,
        "run_id": ti.run_id,
        "try_number": ti.try_number,
        "error": str(context.get("exception") or "the task's process ended without a word"),
        "log_url": getattr(ti, "log_url", None),
    }
    log.error("%s", json.dumps(alert))
    url = Variable.get(WEBHOOK, default=None)
    if not url:
        return
    text = f"O2R: {ti.dag_id}.{ti.task_id} has failed: {alert['error']}"
    try:
        request = urllib.request.Request(
            url,
            json.dumps({"text": text, **alert}).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER).close()
    except (OSError, ValueError) as error:
        log.warning("the alert webhook did not take the alert: %s", type(error).__name__)

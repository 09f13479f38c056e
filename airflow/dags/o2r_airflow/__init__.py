"""What the DAG files share: the command, defaults, alerts, and the pipeline of one target."""

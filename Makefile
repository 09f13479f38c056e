# Everything starts here. Needs Python 3.11 or newer and make; uv is fetched when it is missing.

PYTHON ?= python3
UV_VERSION := 0.13.9
BOOK_DATABASE := o2r_book
BYO_DATABASE := o2r_byo
AIRFLOW_PORT := 8080

# An own copy of uv, for machines without one that knows the options used below.
OWN_UV := .o2r/tools/bin/uv
UV := $(shell uv sync --help 2>/dev/null | grep -q -e --no-default-groups && echo uv || echo $(OWN_UV))
RUN := $(UV) run --no-sync
# The first installation shows what it does, later ones only errors.
QUIET = $(if $(wildcard .venv/bin/o2r),--quiet)

# Only the Python named above and the environment in .venv are used; what is compiled once stays.
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV UV_PROJECT_ENVIRONMENT UV_PYTHON PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo pictures book byo airflow airflow-down test test-unit test-scale test-kills lint format bench up down env install
.PHONY: clean core airflow-install python uv cluster cluster-down test-cluster

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: core ## From nothing to filled dashboards: simulated company, all metrics
	@$(RUN) o2r demo

pictures: install ## Take the pictures of the documents, of the demo's site and of Airflow (needs Chromium)
	@$(RUN) python tools/pictures.py
	@$(RUN) pytest --quiet tests/dags/test_runs.py -k "is_published or browser"
	@cp .o2r/screenshots/airflow-run.png .o2r/screenshots/airflow-trigger.png docs/pictures/

book: export POSTGRES_DB = $(BOOK_DATABASE)
book: up ## The book's chapter 12 dataset, in a database of its own
	@$(RUN) o2r setup
	@$(RUN) o2r load --dataset chapter12
	@$(RUN) o2r build
	@$(RUN) o2r headline
	@echo "They are in the database $(BOOK_DATABASE): set POSTGRES_DB=$(BOOK_DATABASE) to query it."

byo: export POSTGRES_DB = $(BYO_DATABASE)
byo: up ## The exports of a CRM, mapped by one file, in a database of their own
	@$(RUN) o2r setup
	@$(RUN) o2r load examples/crm_exports --mapping examples/crm_exports/mapping.yml
	@$(RUN) o2r build
	@$(RUN) o2r headline
	@$(RUN) o2r site build
	@echo "They are in the database $(BYO_DATABASE): set POSTGRES_DB=$(BYO_DATABASE) to query it."

airflow: airflow-install ## Airflow with all DAGs on this machine, until Ctrl-C (docs/airflow.md)
	@$(RUN) o2r airflow up --port $(AIRFLOW_PORT)

airflow-down: ## Stop Airflow from another terminal
	@if [ -x .venv/bin/o2r ]; then .venv/bin/o2r airflow down; fi

cluster: uv ## A Spark cluster on this machine, for trying it (needs Java; docs/scaling.md)
	@$(UV) sync --locked --group spark --group cluster $(QUIET) --python "$(PYTHON)"
	@$(RUN) o2r lake cluster up

cluster-down: ## Stop it; its tables stay
	@if [ -x .venv/bin/o2r ]; then .venv/bin/o2r lake cluster down; fi

test: install ## Run every test (PYTEST_ARGS="-k name" for some)
	@$(RUN) pytest --numprocesses logical --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-unit: install ## Run the tests that take seconds
	@$(RUN) pytest --numprocesses logical tests/unit $(PYTEST_ARGS)

test-scale: install up ## Replay 45 days of faulty deliveries; incremental must equal full (docs/replay.md)
	@$(RUN) o2r replay --days 45 --faults all

test-kills: install ## Kill Postgres, Airflow or dbt ten times at work; gold must come out the same
	@$(RUN) pytest tests/dags/test_kills.py --kills 10 -v

test-cluster: ## Compare every cell of two companies, built on `make cluster`, with PostgreSQL's
	@$(RUN) pytest tests/metrics/test_engines.py tests/integration/test_replay.py -k engine --engine spark --engine-units $(PYTEST_ARGS)

lint: install ## Run every check of .pre-commit-config.yaml on every file
	@PATH="$$PWD/.o2r/tools/bin:$$PATH" $(RUN) pre-commit run --all-files

format: install ## Format Python and SQL
	@$(RUN) ruff check --fix --quiet
	@$(RUN) ruff format
	@$(RUN) sqlfluff fix --quiet --processes 0 dbt

bench: install ## Run the benchmarks; those that need a checkout or Java are run by hand
	@for script in $(filter-out %/cluster.py %/cost.py %/peer.py,$(wildcard benchmarks/*.py)); do $(RUN) python "$$script" || exit 1; done

up: core ## Start the warehouse (embedded, unless POSTGRES_HOST is set)
	@$(RUN) o2r up

down: core ## Stop the embedded warehouse; its data stay
	@$(RUN) o2r down

env: python ## Write .env with new secrets, for docker compose; what it says already stays
	@"$(PYTHON)" tools/env_file.py

install: uv ## Install everything for development into .venv
	@$(UV) sync --locked $(QUIET) --python "$(PYTHON)"

clean: ## Delete all that these targets made, the embedded warehouse included
	@if [ -x .venv/bin/o2r ]; then .venv/bin/o2r airflow down; .venv/bin/o2r down; fi
	rm -rf .o2r .venv dbt/target dbt/logs dbt/dbt_packages dbt/package-lock.yml
	rm -rf .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the commands need to run, without the tools for development (which stay when installed).
core: uv
	@$(UV) sync --locked --no-default-groups --inexact $(QUIET) --python "$(PYTHON)"

airflow-install: uv
	@$(UV) sync --locked --no-default-groups --group airflow --inexact $(QUIET) --python "$(PYTHON)"

python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "O2R needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." >&2; \
	  echo "Name another one: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12" >&2; exit 1; }

# Built aside and moved in as one file, so that an interrupted or second run finds all or nothing.
uv: python
	@if [ "$(UV)" = "$(OWN_UV)" ] && [ "$$($(OWN_UV) --version 2>/dev/null | cut -d ' ' -f 2)" != "$(UV_VERSION)" ]; then \
	  echo "fetching uv $(UV_VERSION)"; aside=".o2r/tools/aside.$$$$"; \
	  mkdir -p .o2r/tools/bin && trap 'rm -rf "$$aside"' EXIT && \
	  { "$(PYTHON)" -m venv "$$aside" >/dev/null 2>&1 || { \
	    echo "$(PYTHON) cannot create virtual environments: install its venv module" \
	      "(Debian, Ubuntu: apt install python3-venv) or uv" >&2; exit 1; }; } && \
	  "$$aside/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)" && \
	  mv -f "$$aside/bin/uv" $(OWN_UV); \
	fi

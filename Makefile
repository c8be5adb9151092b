# `make` prints what it can do. Every target installs what it needs first; a second installation takes no time.
SHELL := /bin/sh
PYTHON ?=
# Test processes, each with a stack of its own: most tests wait for servers, so more than one per core pays.
WORKERS ?= 4
BIN := .venv/bin
SPREAD = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
export PYTHON
# Where bytecode beside the sources is forbidden, it goes below .cache: every service is a process of its own, and
# compiling what it loads again and again would cost more than all that a short run does.
ifdef PYTHONDONTWRITEBYTECODE
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/.cache/bytecode
endif

.DEFAULT_GOAL := help
.PHONY: help dashboards install demo test slow lint format format-check types imports crash bench baselines audit lock clean

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

install: ## make .venv from the locked requirements (Python 3.11 or 3.12)
	@sh scripts/install.sh

demo: install ## start real Kafka, TimescaleDB and Redis, run bars through everything, print a report
	@$(BIN)/signaltape demo $(ARGS)

test: install ## run the tests on the real local stack (ARGS="tests/unit -x" for a part)
	@$(BIN)/pytest -q $(SPREAD) -m 'not slow and not matrix' $(ARGS)

slow: install ## run the tests that take longer: the demo, the docs' commands, more crashes; with `test`, all that CI runs
	@$(BIN)/pytest -q $(SPREAD) -m 'slow and not matrix' $(ARGS)

lint: install ## ruff over everything
	@$(BIN)/ruff check .

format: install ## rewrite the code in the project's format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

format-check: install ## fail if a file is not in the project's format
	@$(BIN)/ruff format --check .

types: install ## mypy, strict
	@$(BIN)/mypy

imports: install ## the layers: who may import whom
	@$(BIN)/lint-imports

crash: install ## the long crash matrix (every row, 200 seeded random moments), what else is long, new random examples
	@SIGNALTAPE_CRASH_MOMENTS=50 SIGNALTAPE_MATRIX_MOMENTS=200 SIGNALTAPE_CRASH_AWAY_S=20 SIGNALTAPE_LONG_BARS=100000 SIGNALTAPE_SWAPS=50 $(BIN)/pytest -m 'crash or long or matrix' --timeout=3600 $(ARGS)
	@SIGNALTAPE_NEW_EXAMPLES=1 $(BIN)/pytest -q $(SPREAD) tests/unit tests/contract

bench: install ## measure the engine, the pipeline and the latency on this machine
	@$(BIN)/python scripts/install_baselines.py || echo "bench: goes on without other backtesters beside it" >&2
	@$(BIN)/signaltape bench $(ARGS)

baselines: install ## make .cache/bench: other backtesters, which `signaltape bench backtest` runs on the same bars
	@$(BIN)/python scripts/install_baselines.py

dashboards: install ## write Grafana's dashboards and the console's runbook anew from scripts/dashboards and docs/runbook.md
	@$(BIN)/python -m scripts.dashboards

lock: install ## resolve the requirements anew (changes requirements/*.txt)
	@sh scripts/lock.sh

audit: install ## known vulnerabilities of the locked packages (3: no service could be asked), and licences
	@$(BIN)/python scripts/audit.py $(ARGS)

clean: ## remove the environment, caches and build products (not the stack's data: see `signaltape down --help`)
	@rm -rf .venv .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

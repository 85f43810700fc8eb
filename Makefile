# One door for people and for CI. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?=
# A test that starts a process waits for it half of the time, so two workers for each core.
WORKERS ?= $(shell expr 2 '*' $$($(PYTHON) -c 'import os; print(os.cpu_count() or 1)'))

# Containers often forbid Python to keep what it has compiled. Each worker and each process that a test starts
# then compiles everything anew, which is a quarter of the tests' time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install fmt lint types arch quick test test-services crash foreign cover check bench demo smoke screenshots clean

help:  ## list the targets
	@grep -hE '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z.-]+):.*## */\1|/' | awk -F'|' '{printf "  %-14s %s\n", $$1, $$2}'

install: .venv  ## make .venv with all that development needs

.venv: .venv/.installed  ## the same

# pip before 25.1 knows no dependency groups, and Python 3.11 comes with an older one.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@

fmt: .venv  ## format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv types arch  ## style, types and the floors between the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv  ## mypy and pyright, both strict; pyright on what users see
	$(BIN)/mypy
	$(BIN)/pyright

arch: .venv  ## which room may know which
	$(BIN)/lint-imports --no-logo

quick: .venv  ## the pure core alone, for the editor
	$(BIN)/pytest -q tests/unit $(TESTS)

test: .venv  ## the test suite, in parallel
	$(BIN)/pytest -q -n $(WORKERS) -m "not crash and not foreign and not service" $(TESTS)

test-services: .venv  ## the tests that need a program beside Python (Chromium, PostgreSQL, Prometheus, systemd)
	$(BIN)/pytest -q -n auto -m service $(TESTS)

crash: .venv  ## kill real processes at random moments, many times (hosts need root, postgresql, iproute2, faketime)
	$(BIN)/pytest -q -n auto -m crash $(TESTS)

# In an environment of their own: what they pin is no business of ours.
.foreign/.installed: pyproject.toml constraints.txt tests/contract/foreign/package-lock.json
	test -d .foreign/venv || $(PYTHON) -m venv .foreign/venv
	.foreign/venv/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.foreign/venv/bin/python -m pip install --quiet --editable . --group foreign
	npm ci --silent --prefix tests/contract/foreign
	touch $@

foreign: .foreign/.installed  ## other people's clients on the sandbox
	.foreign/venv/bin/python -m pytest -q -n auto -m foreign tests/contract/foreign

cover: .venv  ## branch coverage of the suite
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -m "not crash and not foreign and not service" -p no:xdist
	$(BIN)/coverage combine
	$(BIN)/coverage report --skip-covered --show-missing

check: lint test test-services  ## what CI runs

bench: .venv  ## how close to the best possible time, as ratios within one run, and what PostgreSQL costs
	$(BIN)/python benchmarks/limits.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/many_portals.py
	$(BIN)/python benchmarks/sandbox_speed.py
	$(BIN)/python benchmarks/csv_memory.py
	$(BIN)/python benchmarks/xlsx.py
	$(BIN)/python benchmarks/postgres.py
	$(BIN)/python benchmarks/waiting_hosts.py
	$(BIN)/python benchmarks/many_schedules.py
	$(BIN)/python benchmarks/takeover.py
	$(BIN)/python benchmarks/night.py

demo: .venv  ## publish a knowledge base on a simulated portal, in a minute
	$(BIN)/bulk-publisher demo

screenshots: .venv  ## take the README's pictures anew (needs tmux and chromium)
	$(BIN)/python docs/screenshots.py

smoke:  ## the wheel in a bare environment: no development tool is needed to run
	rm -rf build/smoke && mkdir -p build/smoke
	$(PYTHON) -m venv build/smoke/venv
	build/smoke/venv/bin/python -m pip install --quiet --constraint constraints.txt .
	cd build/smoke && venv/bin/bulk-publisher --help >/dev/null && venv/bin/bulk-publisher demo

clean:  ## remove what the above made, and nothing else
	rm -rf .venv build dist .foreign tests/contract/foreign/node_modules .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*
	find bulk_publisher tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Tickhouse needs Python 3.11+ and make; everything else is installed into .venv from the lock files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What running needs, and beside it what tests, linters and benches need (half of the disk space, most of the time).
RUNNING := $(VENV)/.running-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
TESTING := $(VENV)/.testing-$(shell cat requirements-dev.lock pyproject.toml | cksum | cut -d' ' -f1)
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ARGS ?=
SECONDS ?= 600
RATE ?= 5000
SEED ?= 1
DEATHS ?= 200

# Most commands start processes: each would compile every module anew where the environment forbids to keep bytecode.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help up check quick test lint fix bench soak chaos crash mutants lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

up: $(RUNNING)  ## Eventhouse, market database, producer and API on this machine: http://127.0.0.1:8000
	$(BIN)/tickhouse up $(ARGS)

check: $(TESTING)  ## lint and the quick tests, side by side; names tests that are slow and not marked so
	$(MAKE) --jobs=4 --output-sync=target lint quick-engine quick-emulator quick-others

quick: $(TESTING)  ## the quick tests alone
	$(MAKE) --jobs=3 --output-sync=target quick-engine quick-emulator quick-others

# Parts that wait for much the same time. pytest-xdist would take 2 ms of CPU a test, and let each process collect all.
.PHONY: quick-engine quick-emulator quick-others
QUICK := TICKHOUSE_OFFLINE=1 $(BIN)/pytest -q -p no:xdist --show-slow -m "not slow"

quick-engine: $(TESTING)
	$(QUICK) tests/emulator/engine

quick-emulator: $(TESTING)
	$(QUICK) --ignore=tests/emulator/engine tests/emulator

quick-others: $(TESTING)
	$(QUICK) --ignore=tests/emulator

# A process of pytest that died is named at once: started anew under --dist loadfile, pytest-xdist waits for ever.
test: $(TESTING)  ## the whole test suite
	TICKHOUSE_OFFLINE=1 $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(ARGS)

lint: $(TESTING)  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(TESTING)  ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TESTING)  ## ratios against named references; takes minutes
	TICKHOUSE_OFFLINE=1 $(BIN)/python -m tests.bench $(ARGS)

soak: $(TESTING)  ## the pipeline through an event hub, killed and stalled at random; SECONDS=60 for a short one
	TICKHOUSE_OFFLINE=1 $(BIN)/python -m tests.soak --seconds $(SECONDS) --rate $(RATE) --seed $(SEED) $(ARGS)

chaos: $(TESTING)  ## everyone at once on one platform: bombs, the impatient, poison, kills, stalls, a full disk; SECONDS=20 for one round
	TICKHOUSE_OFFLINE=1 $(BIN)/python -m tests.chaos --seconds $(SECONDS) --seed $(SEED) $(ARGS)

crash: $(TESTING)  ## kill -9 at random in mixed work, 200 times, and look each time at what is there; DEATHS=15 for a few
	TICKHOUSE_OFFLINE=1 $(BIN)/python -m tests.crash --deaths $(DEATHS) --seed $(SEED) $(ARGS)

mutants: $(TESTING)  ## whether the tests notice small changes of the code; ARGS="--since HEAD~1" for those of a change
	TICKHOUSE_OFFLINE=1 $(BIN)/python -m tests.mutants $(ARGS)

lock: $(TESTING)  ## resolve the dependencies of pyproject.toml anew
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

clean:  ## remove .venv and what builds leave
	rm -rf $(VENV) build *.egg-info

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tickhouse needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(RUNNING): | $(BIN)/python
	$(PIP) --no-compile --requirement requirements.lock
	$(PIP) --no-deps --editable .
	-$(BIN)/python -m compileall -q -j 0 $(VENV)/lib api cli emulator kql producer  # pip compiles on one core
	rm -f $(VENV)/.running-*
	touch $@

$(TESTING): $(RUNNING)
	$(PIP) --no-compile --requirement requirements-dev.lock
	-$(BIN)/python -m compileall -q -j 0 $(VENV)/lib tests
	rm -f $(VENV)/.testing-*
	touch $@

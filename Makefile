# Tickhouse needs Python 3.11+ and make; everything else is installed into .venv from the lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
ARGS ?=
SECONDS ?= 600
RATE ?= 5000
SEED ?= 1

# Most commands start processes: each would compile every module anew where the environment forbids to keep bytecode.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: up test lint fix bench soak lock clean

up: $(STAMP)  ## Eventhouse, market database, producer and API on this machine: http://127.0.0.1:8000
	$(BIN)/tickhouse up $(ARGS)

test: $(STAMP)  ## the whole test suite
	TICKHOUSE_OFFLINE=1 $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(STAMP)  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(STAMP)  ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## ratios against named references; takes minutes
	TICKHOUSE_OFFLINE=1 $(BIN)/python -m tests.bench $(ARGS)

soak: $(STAMP)  ## the pipeline through an event hub, killed and stalled at random; SECONDS=60 for a short one
	TICKHOUSE_OFFLINE=1 $(BIN)/python -m tests.soak --seconds $(SECONDS) --rate $(RATE) --seed $(SEED) $(ARGS)

lock: $(STAMP)  ## resolve the dependencies of pyproject.toml anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --extra dev \
		--output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build *.egg-info

$(STAMP):
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tickhouse needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	-$(BIN)/python -m compileall -q -j 0 $(VENV)/lib api cli emulator kql producer  # pip compiles on one core
	rm -f $(VENV)/.installed-*
	touch $@

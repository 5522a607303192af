# Everything a developer does, one word each. `make quickstart` and `make test` need Python 3.11+ and make, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PAGES := $(sort $(wildcard docs/integrations/*.py))

.PHONY: help setup quickstart test check speed soak docs

help:
	@echo "make setup       .venv with randquant and all that its tests need"
	@echo "make quickstart  the main job on real digits; the report lands in runs/quickstart"
	@echo "make test        the tests"
	@echo "make check       lint, formatting, types"
	@echo "make speed       correctness, then tables of times and memory: the operation, training, own data, photographs"
	@echo "make soak        the long tests; KILLS=3 RECIPES=3 for fewer kills than twenty, and not all recipes"
	@echo "make docs        run the pages of docs/integrations"
	@echo "PYTHON=python3.12 chooses the interpreter of .venv"

setup: $(VENV)/dev.stamp

quickstart: $(VENV)/package.stamp
	$(BIN)/randquant quickstart

test: export OMP_NUM_THREADS ?= 1
test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

speed: setup
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/own_data.py
	$(BIN)/python benchmarks/images.py

soak: export KILLS ?= 20
soak: export OMP_NUM_THREADS ?= 1
soak: setup
	$(BIN)/python -m pytest -m soak -n 2

docs: setup
	@for page in $(PAGES); do echo "$$page"; $(BIN)/python $$page || exit 1; done

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("randquant needs Python 3.11 or newer; choose one: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/package.stamp: pyproject.toml | $(BIN)/python
	@echo "installing randquant into $(VENV); the first time takes minutes"
	@$(PIP) --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(BIN)/python
	@echo "installing randquant and what its tests need into $(VENV); the first time takes minutes"
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/package.stamp $@

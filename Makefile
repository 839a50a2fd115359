# What one does with this repository. `make help` lists it.
#
# PYTHON picks the interpreter (3.11 to 3.13); everything is installed into .venv, from hashed requirements.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
REPORTS := weight-gate-reports
PYTEST := $(BIN)/python -m pytest -n 2
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
export PYTHONPATH := $(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help demo test fast lint types bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/load.stamp ## a green verdict, then a red one on a tampered copy
	@PYTHON="$(CURDIR)/$(BIN)/python" REPORTS="$(CURDIR)/$(REPORTS)" bash examples/digits/demo.sh

test: $(VENV)/dev.stamp ## everything: TensorFlow, models by other people, the whole gate
	$(PYTEST)

fast: $(VENV)/dev.stamp ## the tests that need neither TensorFlow nor a network
	$(PYTEST) -m "not tensorflow and not corpus"

lint: $(VENV)/dev.stamp ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp ## mypy, strict
	$(BIN)/mypy

bench: $(VENV)/dev.stamp ## time the gate beside cmp, h5diff, h5py and TensorFlow (13 GB of disk)
	$(BIN)/python benchmarks/compare.py

lock: $(VENV)/dev.stamp ## pin the newest dependencies that fit pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/$(COMPILE) --upgrade --group dev pyproject.toml --output-file requirements/dev.txt
	$(BIN)/$(COMPILE) --constraint requirements/dev.txt pyproject.toml --output-file requirements/run.txt
	$(BIN)/$(COMPILE) --constraint requirements/dev.txt --extra tensorflow pyproject.toml --output-file requirements/load.txt

clean: ## remove what these targets made
	rm -rf $(VENV) $(REPORTS) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The environment: one folder, first with what the gate needs to run, then with what loading models and its tests need.
$(VENV)/run.stamp: requirements/run.txt $(BIN)/python
	@echo "installing what the gate needs into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/load.stamp: requirements/load.txt $(VENV)/run.stamp
	@echo "installing TensorFlow, which loads the models, into $(VENV): a minute or two …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/load.stamp
	@echo "installing what the tests need into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 on PATH: install one, or say make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv --clear $(VENV)

# What one does with this repository. `make help` lists it.
#
# PYTHON picks the interpreter (3.11 to 3.13); everything is installed into .venv, from hashed requirements.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
REPORTS := weight-gate-reports
PYTEST := $(BIN)/python -m pytest -n 2
ACTIONS := action.yml gpu/action.yml .github/actions/self/action.yml
SCHEMA := $(BIN)/check-jsonschema --builtin-schema vendor.
LOCK := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links
COMPILE := $(LOCK) --python-version 3.11
# The image's: for Debian's Python, without what nothing in it imports, with the TensorFlow that is tested.
TENSORFLOW = sed -n 's/^tensorflow==\([^ ;]*\).*/$(1)==\1/p' requirements/dev.txt
COMPILE_IMAGE := $(LOCK) --python-version 3.13 --constraint requirements/dev.txt \
	--overrides requirements/image-leaves-out.txt --extra github --extra legacy pyproject.toml -
export PYTHONPATH := $(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help demo test e2e fast lint types docs bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/load.stamp ## a green verdict, then a red one on a tampered copy
	@PYTHON="$(CURDIR)/$(BIN)/python" REPORTS="$(CURDIR)/$(REPORTS)" bash examples/digits/demo.sh

test: $(VENV)/dev.stamp $(VENV)/lint.stamp ## everything: TensorFlow, models by other people, the whole gate
	@bash .ci/run packages
	$(PYTEST)

fast: $(VENV)/dev.stamp ## the tests that need neither TensorFlow nor a network nor the linters
	$(PYTEST) -m "not tensorflow and not corpus and not linters and not npm"

e2e: $(VENV)/dev.stamp ## build the image, and run it and the action as their users do; needs Docker
	bash tests/image/build.sh
	$(PYTEST) tests/image $(wildcard tests/action)

lint: $(VENV)/dev.stamp $(VENV)/lint.stamp ## ruff, and the linters of workflows, actions, image, shell and hooks; no network
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(SCHEMA)github-workflows .github/workflows/*.yml
	$(SCHEMA)github-actions $(ACTIONS)
	$(SCHEMA)dependabot .github/dependabot.yml
	$(SCHEMA)github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA)github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/jactionlint --strict-exit --profile pedantic --shellcheck $(BIN)/shellcheck --no-hints
	$(BIN)/zizmor --offline --pedantic --strict-collection --quiet .
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck .ci/run $$(git ls-files '*.sh')
	$(BIN)/pre-commit validate-manifest .pre-commit-hooks.yaml

types: $(VENV)/dev.stamp ## mypy, strict
	$(BIN)/mypy

docs: $(VENV)/run.stamp ## make anew what is made of the code in docs/: keys, commands, what they print
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/commands.py
	$(BIN)/python docs/explained.py

bench: $(VENV)/dev.stamp ## time the gate beside cmp, h5diff, h5py and TensorFlow (13 GB of disk)
	$(BIN)/python benchmarks/compare.py

lock: $(VENV)/dev.stamp ## pin the newest dependencies that fit pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/$(COMPILE) --upgrade --group dev pyproject.toml --output-file requirements/dev.txt
	$(BIN)/$(COMPILE) --upgrade --constraint requirements/dev.txt --group pyproject.toml:lint --output-file requirements/lint.txt
	$(BIN)/$(COMPILE) --constraint requirements/dev.txt pyproject.toml --output-file requirements/run.txt
	$(BIN)/$(COMPILE) --constraint requirements/dev.txt --extra tensorflow pyproject.toml --output-file requirements/load.txt
	echo hatchling | $(BIN)/$(COMPILE) --constraint requirements/dev.txt - --output-file requirements/build.txt
	$(call TENSORFLOW,tensorflow-cpu) | $(BIN)/$(COMPILE_IMAGE) \
		--overrides requirements/image-cpu-leaves-out.txt --output-file requirements/image-cpu.txt
	$(call TENSORFLOW,tensorflow[and-cuda]) | $(BIN)/$(COMPILE_IMAGE) --output-file requirements/image-gpu.txt

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

$(VENV)/lint.stamp: requirements/lint.txt $(VENV)/run.stamp
	@echo "installing the linters into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 on PATH: install one, or say make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv --clear $(VENV)

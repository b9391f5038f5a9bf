# Everything a newcomer types. `make help` lists it. Needs python3 (3.11 or newer); `test` and
# `incident` need Go as well, for the real control plane that they start, and `test` Chromium.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
LOCK := .ci/requirements.lock
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
# A half-made virtual environment or binary must not pass for a finished one.
.DELETE_ON_ERROR:
.PHONY: help setup check fix test demo simulate incident bench bench-decision lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## make .venv with everything that is needed; does nothing when that is done

$(STAMP): $(LOCK) pyproject.toml
	@.ci/venv "$(PYTHON)" "$(VENV)"
	$(PY) -m pip install --quiet --require-hashes -r $(LOCK)
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

check: $(STAMP) ## lint, format, types, import contracts, docs: all gates, without tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) helm/generate.py --check
	$(PY) docs/generate.py --check

fix: $(STAMP) ## repair what can be repaired by itself
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(PY) helm/generate.py
	$(PY) docs/generate.py

test: check ## every gate and every test, those against a real control plane included
	@if command -v go >/dev/null; then $(PY) -m tests.e2e.rig.build; \
	else echo "go is not there: what needs a real control plane will say so"; fi
	@.ci/browser
	@.ci/promtool
	$(PY) -m pytest $(ARGS)

incident: $(STAMP) ## replay the incident for real; RUNS=n repeats it, JSON=file keeps the numbers
	$(PY) -m tests.e2e.incident $(if $(RUNS),--runs $(RUNS)) $(if $(JSON),--json $(JSON)) $(ARGS)

demo: $(STAMP) ## show the product, on a cluster in memory; ARGS=--once ends with the story
	@$(VENV)/bin/canaryctl demo $(ARGS)

simulate: $(STAMP) ## try every promise under faults; SEEDS=n, SEED=n replays one
	@$(PY) -m controller.cli.swarm $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),2000)) $(ARGS)

bench: $(STAMP) ## print what things cost
	@for file in tests/bench/[a-z]*.py; do \
		echo "== $$file"; PYTHONPATH=. $(PY) "$$file" $(ARGS) || exit 1; \
	done

bench-decision: $(STAMP) ## how well it decides, beside the rules in use today; JSON=FILE, QUICK=1
	@JSON="$(JSON)" QUICK="$(QUICK)" ONLY="$(ONLY)" SEED="$(SEED)" $(PY) -m tests.bench.decision

PIN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" uv pip compile --quiet --universal --generate-hashes \
	--no-annotate --no-header

lock: $(STAMP) ## pin every dependency anew; the image gets what the tests have
	$(PIN) --group dev pyproject.toml -o $(LOCK) $(ARGS)
	$(PIN) -c $(LOCK) pyproject.toml -o .ci/runtime.lock
	$(PIN) -c $(LOCK) --group build -o .ci/build.lock

clean: ## remove what was made here; the next setup starts from nothing
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find controller docs tests -name __pycache__ -type d -prune -exec rm -rf {} +

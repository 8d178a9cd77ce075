# fairlead: every habit is a target. `make` alone lists them. Arguments pass as ARGS: make run ARGS="--port 5000"
.DEFAULT_GOAL := help
.PHONY: help setup run demo test mutations chaos soak lint format bench lock catalogue docs clean moved

ARGS ?=
BIN := .venv/bin
# The first Python that the locks have wheels for, else the first that is new enough; it looks for a faster one when it
# makes an environment. PYTHON=... names the one to use.
PYTHON ?= $(shell for end in 15 99; do for python in python3 python python3.14 python3.13 python3.12 python3.11; do \
	$$python -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, $$end))" >/dev/null 2>&1 \
	&& { echo $$python; exit; }; done; done)

define install
@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed and none was found; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
@PYTHON_NAMED="$(filter command environment,$(origin PYTHON))" "$(PYTHON)" scripts/setup.py $(1)
@touch $@
endef

# An environment holds absolute paths: one that came along with a copied or moved tree is made anew.
ifneq ($(shell cat .venv/.home 2>/dev/null),$(CURDIR))
.venv/.core: moved
endif

.venv/.core: requirements/core.txt requirements/setup.txt pyproject.toml scripts/setup.py
	$(call install,core)

.venv/.%: requirements/%.txt .venv/.core
	$(call install,$*)

# The SDKs' majors before, beside the environment's own.
.venv/.older: requirements/older.txt .venv/.core
	@echo installing requirements/older.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade --target .venv/older --requirement requirements/older.txt
	@touch $@

# The official SDKs' own tests and what they need. Without a package index they are left out.
.venv/.strict: requirements/strict.txt scripts/sdk_tests.py .venv/.core
	@echo installing requirements/strict.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade --target .venv/strict --requirement requirements/strict.txt \
		&& $(BIN)/python scripts/sdk_tests.py && touch $@ || true

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: .venv/.core .venv/.dev ## Make .venv and install everything that running and testing need

run: .venv/.core ## Start the gateway
	@$(BIN)/fairlead serve $(ARGS)

demo: .venv/.core ## A scripted minute on simulated models
	@$(BIN)/fairlead demo $(ARGS)

# What is compiled is kept, whatever else is said: hundreds of processes are started.
test: setup .venv/.catalogue .venv/.redis .venv/.older .venv/.strict ## Run all tests
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -q --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

mutations: setup ## Damage recorded streams and bodies a million times (ARGS="--seed 1" for others)
	@$(BIN)/python -m tests.replay.mutations $(ARGS)

chaos: setup ## Play faults to a gateway under load, some minutes (SHORT=1: less than one; ARGS="--only 5 cut")
	@$(BIN)/python -m tests.chaos $(if $(SHORT),--short) $(ARGS)

soak: setup ## Mixed load with failures for minutes, and nothing may grow (SHORT=1: less than one; ARGS="--minutes 30")
	@$(BIN)/python -m tests.chaos.soak $(if $(SHORT),--short) $(ARGS)

lint: setup ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## Format the code and sort the imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: setup .venv/.bench ## Measure against a bare reverse proxy (see benchmarks/README.md)
	@$(BIN)/python benchmarks/run.py $(ARGS)

lock: .venv/.lock ## Write the locks in requirements/ (ARGS=--upgrade for the newest)
	@$(BIN)/python scripts/lock.py $(ARGS)

catalogue: setup .venv/.catalogue ## Generate the model catalogue from packaged price data
	@$(BIN)/python scripts/build_catalogue.py $(ARGS)

docs: setup ## Generate the reference pages in docs/
	@$(BIN)/python scripts/build_docs.py $(ARGS)

clean: ## Remove the environment, caches and what was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis benchmarks/.build
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

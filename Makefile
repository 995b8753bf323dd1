# Every target does all of its own set-up; a bare Debian 12 with Python 3.11 is enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.installed-dev
OLDEST := .venv-oldest
AGENTS := .venv-oldest-agents
AGENTS_TESTS := $(patsubst %,tests/instrumentation/test_provider_%.py,mcp openai_agents pydantic_ai)
PIP    := python -m pip install --quiet --disable-pip-version-check

.PHONY: up test check bench fuzz clean help

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'make: needs Python 3.11 or newer; set PYTHON=python3.11'; exit 1; }
	@sh deploy/debian.sh python3-venv
	@$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP) -c constraints.txt -e '.[collector]'
	@touch $(STAMP)

$(DEV): $(STAMP)
	$(BIN)/$(PIP) -c constraints.txt -e '.[collector,dev]'
	@touch $(DEV)

$(OLDEST)/.installed: $(STAMP) constraints-oldest.txt
	@$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/$(PIP) -r constraints-oldest.txt -e . pytest pytest-timeout hypothesis
	@touch $(OLDEST)/.installed

$(AGENTS)/.installed: $(STAMP) constraints-oldest-agents.txt
	@$(PYTHON) -m venv $(AGENTS)
	$(AGENTS)/bin/$(PIP) -r constraints-oldest-agents.txt -e . pytest pytest-timeout hypothesis
	@touch $(AGENTS)/.installed

up: $(STAMP) ## start the collector on the embedded store with live sample traffic
	@$(BIN)/haechi serve --demo

test: $(DEV) $(OLDEST)/.installed $(AGENTS)/.installed ## run every test, those of the SDK with the oldest client libraries too
	@sh deploy/debian.sh curl nodejs npm gcc postgresql chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(OLDEST)/bin/python -m pytest $(filter-out $(AGENTS_TESTS),$(wildcard tests/instrumentation/test_provider_*.py))
	$(AGENTS)/bin/python -m pytest -W 'ignore:You should use:DeprecationWarning' $(AGENTS_TESTS)

check: $(DEV) ## lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(DEV) ## measure ingest beside the bare insert; prints JSON
	$(BIN)/python bench/ingest.py

fuzz: $(DEV) ## a million mutated requests per signal and encoding, 600 per route of the API
	$(BIN)/python bench/fuzz.py
	$(BIN)/python bench/openapi_fuzz.py

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) $(OLDEST) $(AGENTS) .pytest_cache .mypy_cache .ruff_cache .hypothesis

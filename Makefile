# Two commands do everything on a machine with Python >= 3.11 and make:
#   make book    evaluate the ledger, build the strict static book, print the verdicts and where the book is
#   make test    every test: unit, property, data, claims, doctests, notebooks (nbval), the built pages
.DEFAULT_GOAL := help
.PHONY: help env book test quick lint lab serve notebooks lock clean

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE :=
export JAX_PLATFORMS := cpu

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(STAMP) ## create .venv from the hash-pinned lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "nvlinklab needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d; try: make $(MAKECMDGOALS) PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

book: env ## evaluate the ledger and build the strict static book in _build/html
	$(BIN)/nvlinklab book build

test: env ## run every test (about fifteen minutes on two cores)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/pytest

quick: env ## run the tests that need no notebook kernel and no browser
	$(BIN)/pytest tests nvlinklab --ignore=tests/book

lint: env ## style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python

notebooks: env ## re-execute every notebook and rewrite its stored outputs
	$(BIN)/nvlinklab notebooks run

lab: env requirements-lab.lock ## open the notebooks in JupyterLab
	$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements-lab.lock
	$(BIN)/jupyter lab notebooks

serve: book ## build the book and serve it on http://127.0.0.1:8000
	$(BIN)/nvlinklab book serve

lock: ## refresh the locks (needs uv)
	uv pip compile pyproject.toml requirements-build.in --universal --python-version 3.11 --extra book --extra test --extra silicon --extra bench \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra lab --constraint requirements.lock \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements-lab.lock

clean: ## remove what was built (keeps .venv)
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

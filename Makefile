# Tagmill's tasks. `make` lists them. Everything is installed into $(VENV): the active virtual environment, or .venv.

PYTHON ?= python3
VENV ?= $(or $(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
STAMP := $(VENV)/.tagmill-installed

.DEFAULT_GOAL := help
.PHONY: help chromium install lock audit sbom demo test test-fast chaos mutations fuzz bench bench-quick lint types format screenshots \
	services-down clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(STAMP) ## Install Tagmill with everything the demo and the tests need, as it is locked

# What is not in the lock by its hash is refused; so is what would run a program of its own to be built.
LOCKED := --require-hashes --only-binary :all: --no-deps

$(STAMP): pyproject.toml supply/requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(LOCKED) --requirement supply/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $@

# An index other than the usual one is told to uv by UV_DEFAULT_INDEX; what pip may not install here is not locked either.
COMPILE = UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-build --no-annotate $(if $(UPGRADE),--upgrade) pyproject.toml supply/build.in
CAPS = $(or $(shell $(BIN)/python -m pip config list | sed -n "s/^global.constraint='\(.*\)'/\1/p"),/dev/null)

lock: ## Renew the lock after a change of pyproject.toml: UPGRADE=1 takes newer releases of everything
	@test -x $(BIN)/uv || $(MAKE) install
	$(COMPILE) --all-extras --constraint $(CAPS) --output-file supply/requirements.lock
	grep -oE '^torch(vision)?==[^ ]+' supply/requirements.lock > supply/torch.txt
	$(COMPILE) --extra unet --extra train --extra otel --constraint supply/requirements.lock \
	  --excludes supply/torch.txt --output-file supply/image.lock

audit: install ## Known holes in what is locked; asks PyPI, and fails where it cannot be asked
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement supply/requirements.lock

sbom: install ## What Tagmill is made of, with licences and hashes: dist/tagmill.cdx.json, in CycloneDX
	$(BIN)/python -m supply.sbom dist/tagmill.cdx.json

chromium: ## The browser that the tests of the pages drive; as root it is installed by apt
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium >/dev/null; } \
	  || { echo 'install Chromium first: sudo apt-get install chromium' >&2; exit 1; }

screenshots: install chromium ## Take the pictures of docs/pages anew, of the demo's catalog
	$(BIN)/python -m tests.browser.screenshots

demo: install ## From photos to rows: start everything, tag a small catalog, show the result
	$(BIN)/tagmill demo

# These start processes that take the whole machine, so they run one after the other; the others run side by side, each
# process of them with services of its own.
WHOLE := tests/acceptance tests/browser tests/chaos tests/services
BESIDE := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(addprefix --ignore=,$(WHOLE))

test: install chromium lint types ## Everything CI checks: lint, strict types, all tests
	$(BESIDE)
	$(BIN)/python -m pytest $(WHOLE)

chaos: install ## Break everything that can break, and count: SEED=n repeats a run, ONLY=name picks scenarios
	SEED=$${SEED:-$$(date +%s)} $(BIN)/python -m pytest tests/chaos -m "" -k "$(ONLY)" --timeout 420

mutations: install ## Take the protocol apart: for each part that is missing a test must fail
	$(BIN)/python -m pytest tests/mutations -m ""

fuzz: install ## Strangers' bytes into every parser for MINUTES=10: SEED=n repeats a run, ONLY="photos csv" picks targets
	$(BIN)/python -m tests.fuzz --minutes $${MINUTES:-10} --seed $${SEED:-$$(date +%s)} $(ONLY)

bench: install ## Measure: Tagmill, its peers and the limit side by side; an hour, on a machine with nothing else to do
	$(BIN)/python -m benchmarks

bench-quick: install ## The same figures, rougher, in a quarter of an hour
	$(BIN)/python -m benchmarks --quick

test-fast: install ## The tests that need no worker processes
	$(BESIDE)

lint: install ## Style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## Strict types
	$(BIN)/mypy

format: install ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

services-down: install ## Stop the embedded services of this folder
	$(BIN)/tagmill down

clean: ## Remove caches (not .tagmill: that is your data)
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

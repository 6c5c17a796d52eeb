# Everything a person needs: `make demo`, `make test`, `make check`. Each sets up what it needs, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# the demo needs none of the development set
RUNS := $(VENV)/.runs

# what is compiled is kept: the tests start some two hundred processes, and each would compile everything anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all test-clients swarm check bench docs update ci-deps clean
help:  ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

$(RUNS): requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "roomsim needs Python 3.11 or newer; set PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(READY): $(RUNS) requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements/dev.txt
	@touch $@

demo: $(RUNS)  ## a whole morning of a room device and its cloud, in virtual time
	$(BIN)/python -m scenarios.runner.cli demo

test: $(READY)  ## all tests
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

test-all: $(READY)  ## the tests under every Python that is installed here
	@for version in 3.11 3.12 3.13; do \
	  if command -v python$$version >/dev/null; then echo "== Python $$version"; $(MAKE) test PYTHON=python$$version VENV=.venv-$$version || exit 1; \
	  else echo "== Python $$version is not installed here: skipped"; fi; done

test-clients: $(READY)  ## install published clients, as far as they can be had here, and run them against a device and a cloud
	@$(PYTHON) -m venv .venv-clients
	@.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/clients.txt \
	  || echo "test-clients: the Python clients are NOT INSTALLED; their tests WILL BE SKIPPED" >&2
	@$(PYTHON) -m venv .venv-mitmproxy  # it wants older versions than the others
	@.venv-mitmproxy/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/mitmproxy.txt \
	  || echo "test-clients: mitmproxy is NOT INSTALLED; its tests WILL BE SKIPPED" >&2
	@for folder in jsxapi integrations sdk; do \
	  (cd tests/clients/$$folder && npm ci --ignore-scripts --no-audit --no-fund --silent) \
	  || echo "test-clients: the packages of tests/clients/$$folder are NOT INSTALLED; their tests WILL BE SKIPPED" >&2; done
	@for program in ssh curl chromium; do command -v $$program >/dev/null \
	  || echo "test-clients: $$program is NOT INSTALLED (as root: make ci-deps); its tests WILL BE SKIPPED" >&2; done
	$(BIN)/python -m pytest -q -m client tests/clients

swarm: $(READY)  ## every shipped scenario under faults that seeds draw: SEEDS=20 plans of each, from SEED=1000
	$(BIN)/roomsim swarm scenarios --seed $(or $(SEED),1000) --seeds $(or $(SEEDS),20) -j 2 --quiet

check: $(READY)  ## style, types, the laws of the house, scenarios, generated files, links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/roomsim check scenarios
	$(BIN)/python -m tests.tools.generated --check
	$(BIN)/python -m tests.tools.links

bench: $(READY)  ## measure; prints ratios and times of this run
	$(BIN)/python -m tests.bench

update: $(READY)  ## write every generated file anew
	$(BIN)/python -m tests.tools.generated

docs: update  ## the same: the reference pages are generated

ci-deps:  ## Debian packages that some tests use; says loudly what it cannot have
	@sh .ci/deps

clean:  ## remove what can be made again
	rm -rf .venv .venv-3.* .venv-clients .venv-mitmproxy .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist out *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

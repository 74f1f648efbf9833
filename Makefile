# SPDX-License-Identifier: Apache-2.0
# What one does with this checkout. Needs make, git and Python 3.11 or newer; PYTHON=... names another one.

PYTHON ?= python3
BIN := .venv/bin
PYTEST_OPTIONS ?= -q -n logical --maxprocesses 4 --dist worksteal
CHAOS_SEED ?= 1
# For tests that wait for servers most of the time, some of them for long: two for each processor.
WAITING := -n 4 --dist worksteal
# For those that start an Airflow: each file in one process, what starts a scheduler in any.
AIRFLOWS := -n 3 --dist loadgroup --no-loadscope-reorder
# SLOW=all: whole; else of the slow tests that combine a crash with something else a sample, the same in every run: see
# tests/sampling.py.
SLOW ?= sample
# PART=2/3: only the second of three parts of the tests, in any command that runs some: see tests/sampling.py.
PART ?=
export USPEEDO_PART := $(PART)
# FAST_TESTS="tests/hooks ...": only these of the fast tests in airflow-%.
FAST_TESTS ?=
# What a driver decides: how values and errors pass it, and its connections. What the SQL itself decides is tested through
# one driver of each kind.
DRIVER_DECIDES := broken_handshake connections creating databases deciding driver_output export narrow_text pgbouncer policy processes \
	readings repetition results settling_faults staging states taking_over
RANDOM_SEED ?= $(shell date +%s)

NEWEST := 3.3
PACKAGE := $(shell find airflow_provider_uspeedo -type f -not -name '*.pyc')

# uv: the one on PATH, or a pinned one from the package index.
OWN_UV := .cache/uv/bin/uv
UV := $(if $(shell uv --version 2>/dev/null),uv,$(OWN_UV))
NEEDED_UV := $(filter $(OWN_UV),$(UV))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PRECIOUS: .venv-%/.ready
.PHONY: help venv demo airflow-ui browser screenshots test lint format types layers docs diagrams databases drivers slow random-search airflow airflows versions chaos chaos-short fuzz compare-reliability benchmark benchmark-short constraints dist ci clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z.%-]+[a-z0-9.%-]*:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: .venv/.ready ## Make .venv: the newest Airflow, this package, every tool

demo: .venv/.ready ## Text 5,000 made-up people through Airflow and a sandbox on this machine
	$(BIN)/python -m dags_examples.demo

airflow-ui: .venv-ui/.wheel ## Start Airflow with the built wheel, a sandbox and the example DAGs; Ctrl-C stops it; AIRFLOW_UI="--port 9090"
	@exec .venv-ui/bin/python -m dags_examples.airflow_ui $(AIRFLOW_UI)

browser: .venv/.browser .venv-ui/.wheel ## Look at every screen of that in a headless Chromium (Debian: apt-get install chromium)
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) -n 0 -m browser tests/browser

screenshots: .venv/.browser .venv-ui/.wheel ## Do that, and take the screenshots of the documents anew
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) -n 0 -m browser tests/browser --screenshots=docs/images

test: .venv/.ready ## Run the fast tests
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

lint: .venv/.ready ## Check rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.ready ## Mend what can be mended by a tool
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.ready ## Check types, strictly
	$(BIN)/mypy

layers: .venv/.ready ## Check which part may import which
	$(BIN)/lint-imports --no-logo

docs: .venv/.ready ## Build the documents into docs/_build/html; a warning is an error
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

diagrams: ## Remake the drawings of docs/diagrams; needs Graphviz, which nothing else does
	$(PYTHON) docs/diagrams/render.py

databases: .venv/.ready ## Run the ledger's tests on PostgreSQL and MariaDB, but for the slow ones
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(WAITING) -m "database and not slow" --ignore tests/ledger/test_plans.py
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(WAITING) --dist loadgroup -m database tests/ledger/test_plans.py

drivers: .venv/.drivers ## Run those of them whose outcome a driver decides again, through the other driver of each server
	USPEEDO_TEST_POSTGRES=$${USPEEDO_TEST_POSTGRES:-postgresql+psycopg://root@127.0.0.1/test} \
	USPEEDO_TEST_MYSQL=$${USPEEDO_TEST_MYSQL:-mysql+mysqldb://root@127.0.0.1:3306/test} \
		$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(WAITING) -m "database and not slow" \
		$(wildcard $(DRIVER_DECIDES:%=tests/ledger/test_%.py) $(DRIVER_DECIDES:%=tests/hooks/test_%.py))

slow: .venv/.ready ## Run the slow tests, on every database: every crash, a sample of the pairs; SLOW=all for all pairs
	USPEEDO_SLOW=$(SLOW) $(BIN)/python -m pytest $(PYTEST_OPTIONS) $(WAITING) -m "slow and not airflow and not browser and not chaos"

random-search: .venv/.ready ## Draw new inputs for the property tests; RANDOM_SEED=... repeats a search
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) --hypothesis-profile=random --hypothesis-seed=$(RANDOM_SEED) \
		-m "hypothesis and not airflow and not chaos and not database and not slow"

airflow: .venv/.ready .venv/.observability ## Run Airflow's own tests on the newest minor
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(AIRFLOWS) -m airflow

airflow-%: .venv-%/.ready ## Run the fast tests and Airflow's own on one minor: airflow-2.11 ... airflow-3.3
	.venv-$*/bin/python -m pytest $(PYTEST_OPTIONS) $(FAST_TESTS)
	.venv-$*/bin/python -m pytest $(PYTEST_OPTIONS) $(AIRFLOWS) -m airflow

airflows: airflow-2.11 airflow-3.0 airflow-3.1 airflow-3.2 airflow-3.3 ## Do that on every supported minor

versions: .venv-nox/.ready ## Run the fast tests against the built wheel on every pair of Python and Airflow; SESSIONS="..." for some
	PATH="$(CURDIR)/.cache/uv/bin:$$PATH" .venv-nox/bin/nox --envdir .cache/nox $(if $(SESSIONS),--session $(SESSIONS)) $(if $(NOX_OPTIONS),-- $(NOX_OPTIONS))

chaos: .venv/.ready ## Kill, stop and confuse real Airflow tasks, at length; CHAOS_SEED=... for other moments
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) -n 2 --dist loadgroup -m chaos tests/chaos --chaos=long --chaos-seed=$(CHAOS_SEED)

chaos-short: .venv/.ready ## Do a sample of that
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) -n 2 --dist loadgroup -m chaos tests/chaos --chaos=short --chaos-seed=$(CHAOS_SEED)

fuzz: .venv-fuzz/.ready ## Fuzz the reader of answers, guided by coverage; FUZZ_OPTIONS="-runs=... -seed=..." (100,000 inputs)
	.venv-fuzz/bin/python -m tests.hostile.fuzz_answers $(FUZZ_OPTIONS)

compare-reliability: .venv/.ready .venv-peers/.ready ## Measure this package beside its peers; remakes the tables of docs/reliability.md
	$(BIN)/python -m tests.comparison .venv-peers/bin

benchmark: .venv/.ready .venv-peers/.ready ## Measure speed and memory beside the peers, 45 minutes; remakes the tables of docs/performance.md
	$(BIN)/python -m tests.benchmarks

benchmark-short: .venv/.ready .venv-peers/.ready ## Check that all of that runs; writes nothing
	$(BIN)/python -m tests.benchmarks --short

constraints: $(OWN_UV) ## Remake the pinned sets of packages in constraints/
	UV=$(OWN_UV) $(PYTHON) constraints/compile.py

dist: .venv-release/.ready ## Build the wheel and the source archive into dist/, check them, and list what the package needs (SBOM)
	rm -rf dist
	.venv-release/bin/python -m hatchling build
	.venv-release/bin/twine check --strict dist/*
	mkdir -p build
	$(UV) pip compile --quiet --no-header --universal --no-annotate --generate-hashes --no-emit-index-url --python-version 3.11 \
		--constraint constraints/airflow-3.3.txt --output-file build/needed.txt pyproject.toml
	version=$$(.venv-release/bin/python -m hatchling version) && \
		sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml >build/pyproject.toml
	.venv-release/bin/cyclonedx-py requirements --output-reproducible --pyproject build/pyproject.toml \
		--output-file dist/airflow-provider-uspeedo.cdx.json build/needed.txt

ci: ## Run everything that must pass
	bash .ci/run

clean: ## Remove all that is made here
	rm -rf .venv .venv-* .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf .coverage* build demo dist docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment holds exactly one pinned set, and this package, editable.
define make_environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11: make ... PYTHON=python3.12" >&2; exit 1; }
	test -x $(@D)/bin/python || $(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(@D)
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip sync --quiet --compile-bytecode --require-hashes $<
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
endef

.venv/.ready: constraints/airflow-3.3.txt pyproject.toml | $(NEEDED_UV)
	$(make_environment)

# The other drivers of a ledger, beside the pinned set that has all that they need; mysqlclient is built here.
.venv/.drivers: .venv/.ready constraints/drivers.txt | $(NEEDED_UV)
	VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --require-hashes -r constraints/drivers.txt
	touch $@

.venv-nox/.ready: constraints/nox.txt $(OWN_UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(@D)
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip sync --quiet --require-hashes $<
	touch $@

.venv-release/.ready: constraints/release.txt | $(NEEDED_UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(@D)
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip sync --quiet --require-hashes $<
	touch $@

# Airflow's OpenLineage provider and a client of StatsD, beside the pinned set that has what they need.
.venv/.observability: .venv/.ready constraints/observability.txt | $(NEEDED_UV)
	VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --require-hashes -r constraints/observability.txt
	touch $@

# What drives the browser, beside the pinned set likewise.
.venv/.browser: .venv/.ready constraints/browser.txt | $(NEEDED_UV)
	VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --require-hashes -r constraints/browser.txt
	touch $@

# The environment of `make airflow-ui`: this package as its users have it, from a wheel.
.venv-ui/.ready: constraints/airflow-$(NEWEST).txt | $(NEEDED_UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(@D)
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip sync --quiet --compile-bytecode --require-hashes $<
	touch $@

.venv-ui/.wheel: .venv-ui/.ready pyproject.toml README.md docs/runbook.md $(PACKAGE)
	rm -rf build/wheel
	.venv-ui/bin/python -m hatchling build --target wheel --directory build/wheel
	VIRTUAL_ENV=$(CURDIR)/.venv-ui $(UV) pip install --quiet --no-deps --offline --reinstall build/wheel/*.whl
	touch $@

.venv-fuzz/.ready: constraints/fuzz.txt | $(NEEDED_UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(@D)
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip sync --quiet --require-hashes $<
	touch $@

.venv-%/.ready: constraints/airflow-%.txt pyproject.toml | $(NEEDED_UV)
	$(make_environment)

.venv-peers/.ready: constraints/peers.txt | $(NEEDED_UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(@D)
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip sync --quiet --compile-bytecode --require-hashes $<
	touch $@

$(OWN_UV): constraints/uv.txt
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

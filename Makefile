# On a fresh machine with Python 3.11 or newer, make and a C compiler:
#
#   make demo    record and travel back in a real notebook, see what happens
#   make test    run all tests
#
# Everything is installed into $(VENV), nothing outside this folder.
# Other choices: make test PYTHON=python3.13 VENV=.venv-3.13 ARGS="-k travel"
# Without the large libraries, and without the tests that need them: make test LIBRARIES=no

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
ARGS ?=
LIBRARIES ?= yes

python := $(VENV)/bin/python
install := $(python) -m pip install --quiet --disable-pip-version-check
sources := pyproject.toml $(wildcard native/*)

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench build clean

help:
	@echo "make demo | test | lint | bench | build | clean"

demo: $(VENV)/.with-demo
	$(python) docs/run_demo.py $(ARGS)

test: export COWTM_REQUIRE_LIBRARIES = $(filter yes,$(LIBRARIES))
test: $(VENV)/.with-test $(if $(filter yes,$(LIBRARIES)),$(VENV)/.with-libraries)
	$(python) -m pytest --numprocesses auto --dist worksteal $(ARGS)

lint: $(VENV)/.with-lint
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/stubtest cowtm._native
	$(VENV)/bin/lint-imports

# The rivals bring dependencies of their own, so they get an environment of their own.
bench:
	@$(MAKE) --no-print-directory VENV=$(BENCH_VENV) $(BENCH_VENV)/.with-bench
	$(BENCH_VENV)/bin/python -m benchmarks $(ARGS)

# Compile the C extension again, in place; here a missing compiler is an error.
build: $(VENV)/.created
	COWTM_REQUIRE_NATIVE=1 $(install) --no-build-isolation --no-deps --editable .

clean:
	rm -rf .venv .venv-* build dist cowtm/_native.*.so
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of dependencies that pyproject.toml names.
$(VENV)/.with-%: $(VENV)/.created $(sources)
	$(install) --editable '.[$*]'
	@touch $@

# With the build tools at hand, `make build` takes a second, and tests can build wheels.
$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	$(install) 'scikit-build-core>=0.11' cmake ninja
	@touch $@

# Two commands do everything on a machine with Python 3.11 or newer and a C compiler: `make demo` and `make test`.
# VENV and PYTHON may be set, for example: make test PYTHON=python3.11 VENV=.venv-3.11

# The newest supported Python that can make an environment.
ifndef PYTHON
PYTHON := $(shell for python in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	"$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)
endif
VENV ?= .venv
BIN := $(VENV)/bin
STORE := examples/example.vcz.zip
DEMO := build/demo
# Folder for the benchmarks' pages; `make bench BENCH_OUT=docs/benchmarks` renews those in the documentation.
BENCH_OUT ?= .bench/pages
NATIVE := $(wildcard $(addprefix src/vczero/_native/*,.pyx .pxd .pxi .h))

.PHONY: help demo test check bench clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    view and query the bundled store"
	@echo "make test    run the tests (ARGS='-k name' for some of them)"
	@echo "make check   format, lint, types and architecture: what continuous integration checks"
	@echo "make bench   run the benchmarks (ARGS='--rounds 3' for a quick look)"
	@echo "make clean   remove what the others made"

# -- environments: a stamp per layer, so that a second run starts at once ---------------------------------------------

$(VENV)/stamp-venv:
	@test -n "$(PYTHON)" || { echo "vczero needs Python 3.11 or newer with venv and ensurepip:" \
		"none found; set PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "vczero needs Python 3.11 or newer: $(PYTHON) is older, or does not run" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/stamp-install: $(VENV)/stamp-venv pyproject.toml $(NATIVE)
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/stamp-test: $(VENV)/stamp-install
	$(BIN)/python -m pip install --quiet --group test
	@touch $@

$(VENV)/stamp-lint: $(VENV)/stamp-install
	$(BIN)/python -m pip install --quiet --group test --group lint
	@touch $@

$(VENV)/stamp-bench: $(VENV)/stamp-install
	$(BIN)/python -m pip install --quiet --group benchmarks --group backends
	@touch $@

# -- what people type -------------------------------------------------------------------------------------------------

# Output goes through a file, not a pipe into head, so that a failure of vczero is a failure of the demo.
demo: $(VENV)/stamp-install
	@mkdir -p $(DEMO)
	$(BIN)/vczero view $(STORE) > $(DEMO)/example.vcf
	@grep -v '^##' $(DEMO)/example.vcf | head -n 4 | cut -c 1-150
	$(BIN)/vczero query -f '%CHROM\t%POS\t%REF\t%ALT[\t%GT]\n' $(STORE) > $(DEMO)/genotypes.tsv
	@head -n 5 $(DEMO)/genotypes.tsv | cut -c 1-150
	$(BIN)/vczero index -s $(STORE)
	@echo "All $$(grep -vc '^#' $(DEMO)/example.vcf) records are in $(DEMO)/example.vcf;" \
		"try $(BIN)/vczero --help"

test: $(VENV)/stamp-test
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/stamp-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/python -m pytest --quiet tests/test_architecture.py

bench: $(VENV)/stamp-bench
	@for script in benchmarks/bench_*.py; do \
		test -e "$$script" || continue; \
		echo "== $$script"; $(BIN)/python "$$script" --out $(BENCH_OUT) $(ARGS) || exit 1; \
	done

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f src/vczero/_native/*.so src/vczero/_native/*.c
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

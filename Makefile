# One door. `make verify` checks everything and writes nothing that is tracked; `make fix` writes.
# Everything Python needs is installed into .venv; Rust builds share one target directory.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test verify fix notebooks bench docs clean lint lint-rust lint-python test-rust test-python

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST := $(shell find src benches tests -name '*.rs' 2>/dev/null)
PYTHON_CODE := python tests notebooks benches
# Declared inside a macro, where cargo fmt does not look.
PROTOCOLS := $(filter src/protocols/%,$(RUST))

help:
	@echo 'make demo       a Raft cluster under faults: a short report, plots in ./out'
	@echo 'make test       every test, Rust and Python'
	@echo 'make verify     every lint, then every test; changes no file'
	@echo 'make fix        format, and repair what the linters can'
	@echo 'make notebooks  run every notebook and keep what it shows'
	@echo 'make bench      benchmarks of the engine and of the protocols'
	@echo 'make docs       the API reference of the crate'

demo: $(VENV)/built
	$(BIN)/python -m distlab --out out

# The native module is built first, so that the summaries of the two test runners come last.
test: $(VENV)/built test-rust test-python

verify: $(VENV)/built lint test

# --- the environment ---------------------------------------------------------------------------------

$(VENV)/bin/maturin:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'distlab needs Python 3.11 or newer: make PYTHON=/path/to/python3.11'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'maturin>=1.16,<2'

# An editable install: Python files are used in place, so only Rust changes lead here again.
$(VENV)/built: $(VENV)/bin/maturin Cargo.toml Cargo.lock pyproject.toml $(filter src/%,$(RUST))
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[dev]' \
	  --config-settings build-args='--locked --profile release'
	touch $@

# --- lints -------------------------------------------------------------------------------------------

lint: lint-rust lint-python

lint-rust:
	cargo fmt --check
	rustfmt --edition 2024 --check $(PROTOCOLS)
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --features python -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps

lint-python: $(VENV)/built
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/ruff format --check $(PYTHON_CODE)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest distlab._core

# --- tests -------------------------------------------------------------------------------------------

# Thousands of seeds for every storm; fewer by DISTLAB_SEEDS=40. nextest does not run the examples in the
# documentation, hence the second command.
test-rust:
	export DISTLAB_SEEDS=$${DISTLAB_SEEDS:-2000}; \
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked; \
	  else cargo test --locked --lib --tests; fi
	cargo test --locked --doc

test-python: $(VENV)/built
	.ci/browser
	$(BIN)/python -m pytest

# --- the rest ----------------------------------------------------------------------------------------

fix: $(VENV)/built
	cargo fmt
	rustfmt --edition 2024 $(PROTOCOLS)
	$(BIN)/ruff check --fix $(PYTHON_CODE)
	$(BIN)/ruff format $(PYTHON_CODE)

notebooks: $(VENV)/built
	UPDATE=1 $(BIN)/python -m pytest tests/test_notebooks.py

bench: $(VENV)/built
	cargo bench --locked
	$(BIN)/python -m pytest --numprocesses=0 benches

docs:
	cargo doc --locked --no-deps

clean:
	cargo clean
	rm -rf $(VENV) out

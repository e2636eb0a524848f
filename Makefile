.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

ASV_RUN = cd benches && ../$(BIN)/asv run --python=same --set-commit-hash $$(git rev-parse HEAD) --show-stderr

RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
PACKAGING := pyproject.toml

.PHONY: help demo test build fmt lint rust-test python-test bench bench-docs docs fuzz properties sanitize clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

demo: build ## set everything up and run the main job on a synthetic round
	$(BIN)/hemicycle demo

test: lint rust-test python-test ## set everything up and pass every check

build: $(VENV)/.built ## build the extension into .venv

fmt: $(VENV)/.checked ## format Rust and Python
	cargo fmt --all
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(VENV)/.built $(VENV)/.checked ## formatting, clippy, ruff, types, stubs
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/stubtest --allowlist tests/stubtest_allowlist.txt hemicycle._core

rust-test: ## tests of the core crate
	cargo test --workspace --locked
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

python-test: $(VENV)/.built $(VENV)/.checked ## tests of the package, docs and examples
	$(BIN)/pytest -n 2 --dist loadgroup

bench: $(VENV)/.built $(VENV)/.bench ## speed, memory and accuracy beside the peers
	$(ASV_RUN)

bench-docs: export HEMICYCLE_BENCH := full
bench-docs: $(VENV)/.built $(VENV)/.bench ## a full run of what docs/performance.md quotes, its tables and its picture
	$(ASV_RUN) --bench 'LogLikelihood.track_(rate|error)' \
	  --bench 'bench_(limits|scaling|threads)' --bench Interrupt \
	  --bench 'LeastSquares.track' --bench 'bench_least_squares.(Growth|Million|Nearest)' --bench bench_stacking --bench bench_contracts
	$(BIN)/python benches/performance_tables.py docs/performance.md
	$(BIN)/python benches/plot_scaling.py docs/images

docs: $(VENV)/.docs ## build the documentation into site/, to be read without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo 'open site/index.html'

FUZZ_SECONDS ?= 600
FUZZ_TARGETS := likelihood inputs files archives names least_squares stacking
TARGET = $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')

fuzz: ## fuzz the core, each target for FUZZ_SECONDS: needs nightly Rust and cargo-fuzz
	for target in $(FUZZ_TARGETS); do \
	  mkdir -p fuzz/corpus/$$target && \
	  cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 || exit 1; \
	done

properties: $(VENV)/.built $(VENV)/.checked ## the property tests at length, without nightly Rust
	PROPTEST_CASES=20000 cargo test -p hemicycle-core --release --locked
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -n 2 tests/properties

sanitize: ## tests of the core under the address sanitizer: needs nightly Rust
	RUSTFLAGS=-Zsanitizer=address \
	  cargo +nightly test -p hemicycle-core --lib --tests --locked --target $(TARGET) --target-dir target/sanitize

clean: ## remove what was built
	rm -rf target $(VENV) dist site

# Each stamp is older than what it depends on only when something changed: nothing heavy is done twice.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hemicycle needs Python 3.11 or newer; set PYTHON=")'
	@cargo --version >/dev/null || { echo "hemicycle needs Rust: https://rustup.rs" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1' 'maturin>=1.10,<2'
	@touch $@

$(VENV)/.built: $(VENV)/.created $(RUST_SOURCES) $(PACKAGING)
	@echo 'building the extension: about two minutes the first time'
	$(BIN)/maturin develop --release --locked --quiet --extras solve
	@touch $@

$(VENV)/.bench: $(VENV)/.created $(PACKAGING)
	$(BIN)/pip install --quiet --group bench
	cd benches && ../$(BIN)/asv machine --yes
	@touch $@

$(VENV)/.docs: $(VENV)/.created $(PACKAGING)
	$(BIN)/pip install --quiet --group docs
	@touch $@

$(VENV)/.checked: $(VENV)/.created $(PACKAGING)
	$(BIN)/pip install --quiet --group check
	@touch $@

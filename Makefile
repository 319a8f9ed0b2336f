# Everything a person does with this repository. `make` alone lists it.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo build static programs test lint lint-windows fmt deny e2e bench micro-bench generate verify-generated man clean

# The Kubernetes release that the end-to-end tests run against: 1.37, or the oldest that is promised, 1.33.
KUBE ?= 1.37
export KUBE

WINDOWS := x86_64-pc-windows-gnu
MUSL := $(shell uname -m)-unknown-linux-musl
BIN := $(or $(CARGO_TARGET_DIR),target)/debug
CRD := crds/ramauthenticator.k8s.alibabacloud_ramidentitymappings.yaml
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ack-ram-identity
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# `cargo build --workspace` and `cargo test --workspace` everywhere: with one set of features nothing is built twice.
demo: programs ## emulator and authenticator on loopback: who is who, and one refusal; no cluster, no account
	@$(BIN)/demo

# ack-ram-tool alone: built beside the servers, it would get their HTTP/2 and thread pool, and start more slowly.
build: ## release binaries in target/release
	cargo build --locked --release -p authenticator -p pod-identity -p emulator --bins
	cargo build --locked --release -p ram-tool --bins

static: ## release binaries that need no C library, in target/<arch>-unknown-linux-musl/release: for images
	@command -v musl-gcc >/dev/null || { echo "there is no musl-gcc: install it (Debian: apt-get install musl-tools)" >&2; exit 1; }
	@rustup target list --installed | grep -qx $(MUSL) || rustup target add $(MUSL)
	CC_$(subst -,_,$(MUSL))=musl-gcc cargo build --locked --release --target $(MUSL) -p authenticator -p pod-identity -p emulator --bins
	CC_$(subst -,_,$(MUSL))=musl-gcc cargo build --locked --release --target $(MUSL) -p ram-tool --bins

programs: ## the programs in target/debug (the first time takes some minutes)
	cargo build --locked --workspace --bins

test: verify-generated ## everything that must hold, the end-to-end tests and the demo included
	cargo test --locked --workspace
	@$(MAKE) --no-print-directory demo

e2e: programs ## the end-to-end tests on a real control plane (KUBE=1.33 for the oldest release promised)
	cargo test --locked --workspace --test e2e

bench: programs build ## the figures of docs/performance.md, in one table and target/bench/report.json (half an hour, quiet machine)
	@$(MAKE) --no-print-directory static || echo "going on without static programs, whose sizes will be missing"
	cargo build --locked --release -p bench --bins
	$(BIN)/../release/bench

micro-bench: ## token decoding and signing, mappings, injection, each by itself
	cargo bench --locked -p token -p identity -p pod-identity --benches

lint: ## formatting, clippy, dependency policy, ack-ram-tool's types for Windows
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@$(MAKE) --no-print-directory lint-windows
	@$(MAKE) --no-print-directory deny

# Types are checked and nothing is linked, so the C parts of dependencies need no compiler for Windows: `true` stands for it.
lint-windows:
	@if rustup target list --installed 2>/dev/null | grep -qx $(WINDOWS) || rustup target add $(WINDOWS) 2>/dev/null; then \
	  set -x; CC_$(subst -,_,$(WINDOWS))=true AR_$(subst -,_,$(WINDOWS))=true \
	    cargo check --locked -p ram-tool --bins --target $(WINDOWS) --target-dir $(or $(CARGO_TARGET_DIR),target)/windows; \
	else \
	  echo "skipped: ack-ram-tool is not type-checked for Windows, because rustup cannot install the target $(WINDOWS) here"; \
	fi

fmt: ## format the code
	cargo fmt --all

deny: $(CARGO_DENY)
	$(CARGO_DENY) --locked check --hide-inclusion-graph licenses bans sources

$(CARGO_DENY):
	@echo "installing cargo-deny $(CARGO_DENY_VERSION) once, outside the checkout (some minutes)"
	cargo install --locked --quiet --version $(CARGO_DENY_VERSION) --root $(dir $(@D)) cargo-deny

generate: programs ## write the generated files (crds/)
	$(BIN)/generate-crds $(CRD)

verify-generated: programs ## fail where a generated file differs from what the code says
	$(BIN)/generate-crds --check $(CRD)

man: ## man pages of ack-ram-tool in target/man
	cargo run --locked --quiet -p ram-tool --example man-pages -- $(BIN)/../man

clean: ## remove build output (the cache outside the checkout stays)
	cargo clean
	rm -rf target

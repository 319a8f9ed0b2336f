# Everything a person does with this repository. `make` alone lists it.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo build programs test test-unit lint fmt deny e2e bench generate verify-generated clean

# The Kubernetes release that the end-to-end tests run against: 1.37, or the oldest that is promised, 1.33.
KUBE ?= 1.37
export KUBE

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ack-ram-identity
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## emulator and authenticator on loopback: who is who, and one refusal; no cluster, no account
	@echo "building (the first time takes some minutes)"
	@cargo build --locked --quiet -p authenticator -p ram-tool -p emulator -p e2e --bins
	@cargo run --locked --quiet -p e2e --bin demo

build: ## release binaries in target/release
	cargo build --locked --release -p authenticator -p ram-tool -p emulator --bins

programs:
	cargo build --locked --workspace --bins

test: verify-generated programs test-unit e2e demo ## everything that must hold, the end-to-end tests and the demo included

test-unit: programs
	cargo test --locked --workspace --exclude e2e
	cargo test --locked -p e2e --lib --bins

e2e: programs ## the end-to-end tests on a real control plane (KUBE=1.33 for the oldest release promised)
	cargo test --locked -p e2e --test e2e

bench: programs ## the figures that docs/benchmarks.md quotes
	cargo run --locked -p e2e --bin bench-mappings

lint: ## formatting, clippy, dependency policy
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@$(MAKE) --no-print-directory deny

fmt: ## format the code
	cargo fmt --all

deny: $(CARGO_DENY)
	$(CARGO_DENY) --locked check --hide-inclusion-graph licenses bans sources

$(CARGO_DENY):
	@echo "installing cargo-deny $(CARGO_DENY_VERSION) once, outside the checkout (some minutes)"
	cargo install --locked --quiet --version $(CARGO_DENY_VERSION) --root $(dir $(@D)) cargo-deny

generate: ## write the generated files (crds/)
	cargo run --locked --quiet -p resource --bin generate-crds -- crds

verify-generated: ## fail where a generated file differs from what the code says
	cargo run --locked --quiet -p resource --bin generate-crds -- --check crds

clean: ## remove build output (the cache outside the checkout stays)
	cargo clean
	rm -rf target

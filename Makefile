# Two commands matter: `make run` and `make test`. The rest is for those who change the code.
.DEFAULT_GOAL := help
.PHONY: help run cluster test faults fuzz build bench bench-cluster fmt lint deny clean

help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Fetch, build and start everything; dashboard on http://localhost:3001
	@scripts/run.sh $(ARGS)

cluster: ## The same on real servers: Kafka, Elasticsearch, a registry and Redis, without Docker; a process a role
	@scripts/run-cluster.sh $(ARGS)

test: ## Run every test, browser included; closes with `N passed, N failed`
	@scripts/test.sh

faults: ## Run the fault matrix of docs/reliability.md on real servers; about an hour
	@scripts/faults.sh

fuzz: ## Fuzz every port of a running rep, and try 100,000 times to reach another shopper's things; minutes, by a seed
	@scripts/fuzz.sh

build: ## Fetch what is missing and build the release binary with the dashboard in it
	@scripts/build.sh

bench: build ## Run the benchmarks of docs/benchmarks.md
	@target/release/rep bench all

bench-cluster: ## Run the benchmark of a cluster on servers of its own, without Docker
	@scripts/bench-cluster.sh $(ARGS)

fmt: ## Format the Rust code
	@cargo fmt --all

lint: ## Format check and clippy, as the tests run them
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --all-features -- -D warnings

deny: ## Check licences and sources of the dependencies; with ADVISORIES=1 also known holes, by github.com
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	@cargo deny check licenses bans sources
	@if [ -n "$(ADVISORIES)" ]; then cargo deny check advisories; else \
		echo "checked: licences, bans, sources. NOT checked: advisories, whose database is fetched from github.com;"; \
		echo "where that can be reached: make deny ADVISORIES=1"; fi

clean: ## Remove what was built and fetched; data stays
	@cargo clean
	@rm -rf frontend/node_modules frontend/dist .rep/cache

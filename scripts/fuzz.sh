#!/usr/bin/env bash
# `make fuzz`: the whole of what `make test` has a small form of. Settings come from the environment:
#   REP_FUZZ_REQUESTS   to operations of the ports' documents (default 100000)
#   REP_FUZZ_ATTEMPTS   to reach another shopper's things (default 100000)
#   REP_TEST_SEED       repeats a run, which prints its own
source "$(dirname "$0")/lib.sh"

need_toolchains
install_openssl
fetch_model
npm_packages
build_frontend
export REP_FUZZ_REQUESTS=${REP_FUZZ_REQUESTS:-100000} REP_FUZZ_ATTEMPTS=${REP_FUZZ_ATTEMPTS:-100000}
cargo test --locked --all-features -p rep --test program -- --nocapture --test-threads 1 fuzz::

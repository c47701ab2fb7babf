#!/usr/bin/env bash
# `make faults`: every row of the fault matrix, on real servers and with real processes. Prints the table, and leaves it
# in target/tmp/fault-matrix.md. REP_FAULT_SEEDS says how many runs a row has (3), REP_FAULT_ROW names rows (all),
# REP_FAULT_SEED replays one seed.
source "$(dirname "$0")/lib.sh"

need_toolchains
fetch_model
scripts/servers fetch
cargo test --workspace --all-features --locked --test faults -- --ignored --exact matrix --nocapture

#!/usr/bin/env bash
# `make run`: fetches what is missing, builds, and starts everything in one process. Stop it with Ctrl-C.
# Arguments go to `rep up`, such as: make run ARGS="--rate 1000 --port-offset 100"
source "$(dirname "$0")/lib.sh"

scripts/build.sh
step "Starting (Ctrl-C stops it; data stays in .rep/data)"
exec target/release/rep up "$@"

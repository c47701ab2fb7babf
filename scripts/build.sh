#!/usr/bin/env bash
# Fetches what is missing and builds target/release/rep with the dashboard in it.
source "$(dirname "$0")/lib.sh"

need_toolchains
install_openssl
step "ONNX Runtime and embedding model"
fetch_model
step "Dashboard: packages and build"
npm_packages
build_frontend
step "Release binary (a first build compiles some 400 crates: several minutes)"
cargo build --release --locked --bin rep

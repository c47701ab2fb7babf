#!/usr/bin/env bash
# Fetches what is missing and builds target/release/rep with the dashboard in it.
source "$(dirname "$0")/lib.sh"

need_toolchains
install_openssl
step "ONNX Runtime"
scripts/fetch-onnxruntime.sh "$cache/onnxruntime"
step "Dashboard: packages and build"
npm_packages
build_frontend
step "Release binary (a first build compiles some 400 crates: several minutes)"
cargo build --release --locked --bin rep
step "Embedding model"
scripts/fetch-model.sh --rep target/release/rep

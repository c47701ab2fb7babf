# Shared by the scripts beside it; to be sourced.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${REP_CACHE:-$repo/.rep/cache}
cd "$repo"

step() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }
say() { printf '    %s\n' "$*" >&2; }
fail() { printf '\033[31merror:\033[0m %s\n' "$*" >&2; exit 1; }

# need COMMAND HINT: stops with the hint if the command is missing.
need() { command -v "$1" >/dev/null 2>&1 || fail "\`$1\` is missing. $2"; }

need_toolchains() {
    need cargo "Install Rust 1.92 or newer: https://rustup.rs"
    need node "Install Node.js 20 or newer: https://nodejs.org"
    need npm "It comes with Node.js: https://nodejs.org"
    need python3 "Install Python 3.9 or newer with pip; it unpacks the embedding model."
    need cc "Install a C and C++ compiler (Debian: apt-get install build-essential)."
}

# Installs OpenSSL's headers, which Kafka's client is built with.
install_openssl() {
    pkg-config --exists openssl 2>/dev/null && return
    local hint="Install pkg-config and OpenSSL's headers (Debian: apt-get install pkg-config libssl-dev; Fedora: pkgconf openssl-devel)."
    command -v apt-get >/dev/null || fail "OpenSSL is missing. $hint"
    local sudo=''
    [[ $EUID -eq 0 ]] || sudo=sudo
    step "Installing OpenSSL's headers"
    $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
        pkg-config libssl-dev >/dev/null || fail "OpenSSL could not be installed. $hint"
}

# What the tests run on: the default model of a machine that the models' hub cannot be reached from, and the English one.
fetch_model() {
    scripts/fetch-onnxruntime.sh "$cache/onnxruntime"
    scripts/fetch-model.sh multilingual-e5-small-q4
    scripts/fetch-model.sh all-MiniLM-L6-v2
}

# Installs the frontend's packages unless those of the lock file are there.
npm_packages() {
    local stamp=frontend/node_modules/.installed
    if [[ ! -f $stamp ]] || ! cmp -s frontend/package-lock.json "$stamp"; then
        (cd frontend && npm ci --no-audit --no-fund)
        cp frontend/package-lock.json "$stamp"
    fi
}

# Builds the dashboard unless the built one is newer than all its sources.
build_frontend() {
    if [[ -f frontend/dist/index.html ]] \
        && [[ -z $(find frontend docs/openapi.json -path frontend/node_modules -prune -o -path frontend/dist -prune \
            -o -type f -newer frontend/dist/index.html -print -quit) ]]; then
        return
    fi
    (cd frontend && npm run --silent build)
    touch frontend/dist/index.html src/dashboard.rs # the binary carries these files
}

#!/usr/bin/env bash
# `make test`: every test. Fetches and installs what it needs, starts and stops what it tests, goes on after a
# failure, and closes with how long each part took and `N passed, N failed`. Exit status 1 if something failed.
source "$(dirname "$0")/lib.sh"

reports=$repo/target/test-reports
rm -rf "$reports" && mkdir -p "$reports"
passed=0 failed=0 skipped=0
# Longest wait for a program to be ready, in seconds: for a slow machine with other work. It ends with the condition.
ready_s_max=900

# part NAME: what comes next is a part of its own in the report at the end.
part_name='' parts=()
part() {
    end_part
    part_name=$1 part_begin=$SECONDS part_before="$passed $failed $skipped"
    step "$1"
}
end_part() {
    [[ -n $part_name ]] || return 0
    local before
    read -ra before <<<"$part_before"
    parts+=("$(printf '%6d s %7d %7d %8d  %s' $((SECONDS - part_begin)) $((passed - before[0])) \
        $((failed - before[1])) $((skipped - before[2])) "$part_name")")
    part_name=''
}

# The parts, and the slowest test programs: cargo names each before its results.
tell_parts() {
    end_part
    step "How long it took: $((SECONDS / 60)) min $((SECONDS % 60)) s; reports in target/test-reports"
    printf '%8s %7s %7s %8s\n' '' passed failed skipped >&2
    printf '%s\n' "${parts[@]}" >&2
    say "the slowest test programs:"
    awk '/^ +Doc-tests/ {name = "doc tests of " $2}
         /^ +Running/ {name = $NF; sub(/.*\//, "", name); sub(/-[0-9a-f]+\)$/, "", name)}
         /^test result:.*finished in/ {seconds = $NF; sub(/s$/, "", seconds); printf "%8.1f s %7d  %s\n", seconds, $4, name}' \
        "$reports"/cargo-*.log 2>/dev/null | sort -rn | sed 12q >&2 || true
}

count() { passed=$((passed + $1)); failed=$((failed + $2)); skipped=$((skipped + ${3:-0})); }

# check NAME COMMAND…: a check that passes or fails as a whole.
check() {
    local name=$1; shift
    part "$name"
    if "$@"; then count 1 0; say "passed ($((SECONDS - part_begin)) s)"; else count 0 1; say "FAILED: $name"; fi
}

# wait_ready PID COMMAND…: until the command succeeds; fails when the process has ended, or after `ready_s_max`.
wait_ready() {
    local pid=$1 deadline=$((SECONDS + ready_s_max)); shift
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)) || return
        sleep 0.5
    done
}

# json_counts FILE JAVASCRIPT: adds `passed failed skipped` that the expression gives of the report `r`.
json_counts() {
    local counts
    if ! counts=$(node -e "const r = JSON.parse(require('fs').readFileSync(process.argv[1])); console.log($2)" "$1"); then
        say "FAILED: no report in $1"; count 0 1; return
    fi
    # shellcheck disable=SC2086 # three words
    count $counts
}

# script_tests: the tests of scripts that have some, in Python, counted.
script_tests() {
    part "scripts: unit tests"
    local log=$reports/scripts.log counts
    python3 -B -m unittest discover -s scripts/tests -v 2>&1 | tee "$log" || true
    counts=$(awk '/^Ran [0-9]+ test/ {ran = $2}
                  /^(OK|FAILED)/ {gsub(/[^0-9a-z= ]/, ""); for (i = 1; i <= NF; i++) {split($i, n, "=")
                      if (n[1] == "failures" || n[1] == "errors") failed += n[2]; if (n[1] == "skipped") skipped += n[2]}}
                  END {if (ran == "") ran = failed = 1; print ran - failed - skipped, failed + 0, skipped + 0}' "$log")
    # shellcheck disable=SC2086 # three words
    count $counts
}

install_chromium() {
    local chromium=${CHROMIUM_PATH:-/usr/bin/chromium}
    [[ -x $chromium ]] && return
    command -v apt-get >/dev/null || fail "no browser at $chromium; set CHROMIUM_PATH"
    local sudo=''
    [[ $EUID -eq 0 ]] || sudo=sudo
    $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
        chromium fonts-noto-cjk >/dev/null
}

# cargo_tests REPORT ARGUMENTS…: `cargo test`, counted.
cargo_tests() {
    local log=$reports/$1.log counts
    shift
    cargo test --workspace --all-features --locked --no-fail-fast "$@" 2>&1 | tee "$log" || true
    counts=$(awk '/^test result:/ {p += $4; f += $6; s += $8} /^SKIPPED: / {p--; s++} END {print p + 0, f + 0, s + 0}' "$log")
    # shellcheck disable=SC2086 # three words
    count $counts
    # A test program that does not build or dies prints no result of its own.
    if grep -qE '^error(\[|:)' "$log" && [[ $(cut -d' ' -f2 <<<"$counts") == 0 ]]; then count 0 1; fi
}

# Apart from running them, so that the report tells how much of the time is compiling. What does not build is counted
# where it is run.
build_tests() {
    part "Building the Rust tests"
    cargo test --workspace --all-features --locked --no-run || true
}

rust_tests() {
    part "Rust tests"
    cargo_tests cargo-test
}

# The search store on the oldest Elasticsearch that it is for; the other tests run on the newest.
elasticsearch_8_tests() {
    part "Search store on Elasticsearch 8.19"
    local dir
    dir=$(mktemp -d)
    if scripts/servers start --dir "$dir" --port-base 0 --until-pid $$ --elasticsearch-version 8.19.21 elasticsearch; then
        eval "$(scripts/servers env --dir "$dir")"
        # `outage` starts and kills a server of its own, of the newest version.
        cargo_tests cargo-elasticsearch-8 --test elasticsearch -- --skip outage::
        unset REP_TEST_ELASTICSEARCH
    else
        count 0 1
    fi
    scripts/servers wipe --dir "$dir" && rm -rf "$dir"
}

browser_tests() {
    part "Browser tests against a running rep"
    local data log=$reports/rep-up.log pid
    data=$(mktemp -d)
    cargo test --workspace --all-features --locked --no-run --quiet # the binary as the tests had it
    target/debug/examples/impossible_event "$data" late # a dead letter to read, repair and replay
    target/debug/rep up --data-dir "$data" --products 600 --users 500 --rate 20 --port-offset 21000 >"$log" 2>&1 &
    pid=$!
    local base=http://127.0.0.1:24001
    if wait_ready "$pid" curl -fsS "$base/api/readyz"; then
        (cd frontend && BASE_URL=$base PLAYWRIGHT_JSON_OUTPUT_NAME=$reports/e2e.json npm run --silent e2e -- --reporter=list,json) || true
        json_counts "$reports/e2e.json" '`${r.stats.expected + r.stats.flaky} ${r.stats.unexpected} ${r.stats.skipped}`'
    else
        say "FAILED: rep did not become ready; its log:"
        tail -n 30 "$log" >&2
        count 0 1
    fi
    kill -TERM "$pid" 2>/dev/null || true
    if wait "$pid"; then count 1 0; else say "FAILED: rep did not stop cleanly"; count 0 1; fi
    rm -rf "$data"
}

cluster_tests() {
    part "Browser tests against a cluster: real servers, a process a role"
    local dir log=$reports/cluster.log pid
    dir=$(mktemp -d)
    REP_PRODUCTS=600 REP_USERS=500 REP_RATE=20 scripts/run-cluster.sh --dir "$dir" --binary target/debug/rep \
        --behaviours 2 --port-offset 22000 --server-ports 0 --until-pid $$ >"$log" 2>&1 &
    pid=$!
    if wait_ready "$pid" grep -q 'rep is ready' "$log"; then
        (cd frontend && BASE_URL=http://127.0.0.1:25001 PLAYWRIGHT_JSON_OUTPUT_NAME=$reports/cluster-e2e.json \
            npm run --silent e2e -- --reporter=list,json shop.spec.ts notifications.spec.ts) || true
        json_counts "$reports/cluster-e2e.json" '`${r.stats.expected + r.stats.flaky} ${r.stats.unexpected} ${r.stats.skipped}`'
    else
        say "FAILED: the cluster did not become ready; its log:"
        tail -n 30 "$log" >&2
        count 0 1
    fi
    kill -TERM "$pid" 2>/dev/null || true
    if wait "$pid"; then count 1 0; else say "FAILED: the cluster did not stop cleanly; its log:"; tail -n 20 "$log" >&2; count 0 1; fi
    rm -rf "$dir"
}

need_toolchains
install_openssl
part "Fetching ONNX Runtime, model, packages, browser, servers, a Kafka client for Python"
fetch_model
npm_packages
install_chromium
scripts/servers fetch # the tests start them
scripts/servers fetch --elasticsearch-version 8.19.21 elasticsearch
scripts/interop/python --fetch

check "rustfmt" cargo fmt --all --check
check "frontend: lint" npm --prefix frontend run --silent lint
check "frontend: build" build_frontend
part "frontend: unit tests"
(cd frontend && npm run --silent test -- --reporter=default --reporter=json --outputFile="$reports/vitest.json") || true
json_counts "$reports/vitest.json" '`${r.numPassedTests} ${r.numFailedTests} ${r.numPendingTests}`'
script_tests
check "docker: compose, alerts, dashboards" scripts/check-docker
check "clippy" cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
build_tests
rust_tests
elasticsearch_8_tests
browser_tests
cluster_tests

tell_parts
if [[ $skipped -gt 0 ]]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[[ $failed -eq 0 ]]

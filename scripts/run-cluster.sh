#!/usr/bin/env bash
# `make cluster`: the same product on real servers, without Docker. Fetches and starts Kafka, Elasticsearch, a schema
# registry and Redis, makes topics, schemas and indices, and starts every role as a process of its own, the dashboard
# among them. Ctrl-C stops all of it; data stays in .rep/cluster. Arguments:
#   --dir DIR          where data and logs lie (default .rep/cluster)
#   --binary FILE      a `rep` that is built already
#   --port-offset N    moves the ports of the roles (default 0)
#   --server-ports N   first port of the servers; 0 takes free ones (default: their usual ports)
#   --behaviours N     processes of the behaviour role (default 1)
#   --until-pid PID    stop when that process is gone
# Settings of roles come from the environment, such as REP_RATE=500 REP_PRODUCTS=2000.
source "$(dirname "$0")/lib.sh"

dir=$repo/.rep/cluster binary='' offset=0 behaviours=1 until_pid='' server_ports=()
while (($#)); do
    case $1 in
        --dir) dir=$2 ;;
        --binary) binary=$2 ;;
        --port-offset) offset=$2 ;;
        --server-ports) server_ports=(--port-base "$2") ;;
        --behaviours) behaviours=$2 ;;
        --until-pid) until_pid=$2 ;;
        *) fail "unknown argument $1; the head of scripts/run-cluster.sh lists them" ;;
    esac
    shift 2 || fail "the last argument lacks its value"
done
if [[ -z $binary ]]; then
    scripts/build.sh
    binary=$repo/target/release/rep
fi
mkdir -p "$dir/logs"

declare -A pids=() # by name of a process
stopping=''
stop_all() {
    [[ -n $stopping ]] && return
    stopping=yes
    step "Stopping"
    local name failed=''
    # Traffic first, then those who take it up: what is accepted is worked off.
    for name in simulator dashboard "${!pids[@]}"; do
        [[ -n ${pids[$name]:-} ]] && kill -TERM "${pids[$name]}" 2>/dev/null || true
    done
    for name in "${!pids[@]}"; do
        wait "${pids[$name]}" 2>/dev/null || { say "$name did not stop cleanly; its log is $dir/logs/$name.log"; failed=yes; }
    done
    scripts/servers stop --dir "$dir/servers" || failed=yes
    [[ -z $failed ]]
}
trap 'stop_all || exit 1; exit ${status:-0}' EXIT
trap 'exit' INT TERM

step "Starting the servers (data stays in $dir)"
scripts/servers start --dir "$dir/servers" "${server_ports[@]}" kafka elasticsearch registry redis
eval "$(scripts/servers env --dir "$dir/servers")"
export REP_LOG=kafka://$REP_TEST_KAFKA REP_REGISTRY=$REP_TEST_REGISTRY
export REP_SEARCH=$REP_TEST_ELASTICSEARCH REP_PREFERENCES=$REP_TEST_REDIS
export REP_DATA_DIR=$dir/rep REP_PORT_OFFSET=$offset

step "Making topics, schemas and indices"
"$binary" topics apply --replication 1 --min-in-sync 1
"$binary" schemas apply >/dev/null
"$binary" indices apply
"$binary" indices switch # data of another model: its products are embedded by this one before they are served

# at PORT: the address of a role.
at() { echo "http://127.0.0.1:$(($1 + offset))"; }
REP_PROCESSES=$(at 8086),$(at 8083),$(at 8084),$(at 8000),$(at 8085)
for ((n = 1; n < behaviours; n++)); do REP_PROCESSES+=,$(at $((8085 + 100 * n))); done
export REP_PROCESSES REP_SIMULATOR
REP_SIMULATOR=$(at 8084)

# What another process, or `rep tail`, `rep dlq` and the like, needs beside these.
export REP_API
REP_API=$(at 8080)
for name in REP_LOG REP_REGISTRY REP_SEARCH REP_PREFERENCES REP_DATA_DIR REP_PORT_OFFSET REP_PROCESSES REP_SIMULATOR REP_API; do
    printf 'export %s=%q\n' "$name" "${!name}"
done >"$dir/env"

# start NAME ARGUMENT…: a process of `rep serve`.
start() {
    local name=$1; shift
    "$binary" serve "$@" >"$dir/logs/$name.log" 2>&1 &
    pids[$name]=$!
}

step "Starting the roles (logs in $dir/logs)"
for role in embedder behaviour inventory notify api simulator dashboard; do start "$role" "$role"; done
for ((n = 1; n < behaviours; n++)); do
    start "behaviour-$((n + 1))" behaviour --behaviour-port $((8085 + 100 * n + offset))
done

# gone: the name of a process that ended.
gone() {
    local name
    for name in "${!pids[@]}"; do kill -0 "${pids[$name]}" 2>/dev/null || { echo "$name"; return; }; done
    return 1
}

give_up() {
    say "$1 has stopped; the end of its log:"
    tail -n 20 "$dir/logs/$1.log" >&2
    unset "pids[$1]"
    status=1
    exit
}

for address in "$(at 8080)/readyz" "$(at 8083)/readyz" "$(at 8084)/readyz" "$(at 8085)/readyz" "$(at 8086)/readyz" \
    "$(at 8000)/readyz" "$(at 3001)/api/readyz"; do
    until curl -fsS -o /dev/null "$address" 2>/dev/null; do
        if name=$(gone); then give_up "$name"; fi
        sleep 0.2
    done
done
say "rep is ready: dashboard $(at 3001) · api $(at 8080) · notify $(at 8083) · simulator $(at 8084) · behaviour $(at 8085) · inventory $(at 8086) · embedder $(at 8000)"
say "the servers beside it have no passwords: every user of this machine reads and writes them on 127.0.0.1"
say "commands beside it: source $dir/env; Ctrl-C stops everything"
while ! name=$(gone); do
    [[ -n $until_pid ]] && ! kill -0 "$until_pid" 2>/dev/null && exit
    sleep 0.5 &
    wait $! || true
done
give_up "$name"

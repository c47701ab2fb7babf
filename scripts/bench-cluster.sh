#!/usr/bin/env bash
# `make bench-cluster`: `rep bench cluster` on servers of its own, which it starts without Docker on free ports, and
# stops and forgets in the end. Arguments:
#   --binary FILE      a `rep` that is built already
#   --dir DIR          where data and logs of the servers lie while it runs (default: a new folder in .rep)
# What else is given goes to `rep bench cluster`, such as --quick. REP_SERVERS_HEAP and the like hold for the servers;
# unless told otherwise Elasticsearch has 2 GiB: with the 512 MiB that tests give it, its circuit breaker is measured.
source "$(dirname "$0")/lib.sh"
export REP_SERVERS_HEAP_ELASTICSEARCH=${REP_SERVERS_HEAP_ELASTICSEARCH:-${REP_SERVERS_HEAP:-2g}}

binary='' dir='' made='' arguments=()
while (($#)); do
    case $1 in
        --binary) binary=${2:?a file follows --binary}; shift 2 ;;
        --dir) dir=${2:?a folder follows --dir}; shift 2 ;;
        *) arguments+=("$1"); shift ;;
    esac
done
if [[ -z $binary ]]; then
    scripts/build.sh
    binary=$repo/target/release/rep
fi
mkdir -p "$repo/.rep"
if [[ -z $dir ]]; then
    made=$(mktemp -d "$repo/.rep/bench-servers-XXXXXX")
    dir=$made
fi

bench=''
end() {
    # The bench removes what it made while the servers still run.
    [[ -z $bench ]] || { kill -TERM "$bench" 2>/dev/null && wait "$bench" || true; }
    scripts/servers wipe --dir "$dir" kafka elasticsearch registry redis >&2 || return
    [[ -z $made ]] || rm -rf "$made"
}
trap end EXIT
trap 'exit 130' INT TERM

step "Starting the servers"
scripts/servers start --dir "$dir" --port-base 0 --until-pid $$ kafka elasticsearch registry redis >&2
eval "$(scripts/servers env --dir "$dir")"
export REP_LOG=kafka://$REP_TEST_KAFKA REP_REGISTRY=$REP_TEST_REGISTRY
export REP_SEARCH=$REP_TEST_ELASTICSEARCH REP_PREFERENCES=$REP_TEST_REDIS

step "Measuring"
"$binary" bench cluster "${arguments[@]}" &
bench=$!
status=0
wait "$bench" || status=$?
bench=''
exit "$status"

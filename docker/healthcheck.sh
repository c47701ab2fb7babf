#!/bin/bash
# Whether this container's role answers: healthcheck [PORT/PATH], by default $REP_HEALTH.
# 401 is an answer too: where tokens are set, this asks without one. Needs no curl.
set -euo pipefail

target=${1:-$REP_HEALTH}
exec 3<>"/dev/tcp/127.0.0.1/${target%%/*}"
printf 'GET /%s HTTP/1.0\r\nHost: localhost\r\n\r\n' "${target#*/}" >&3
read -r _ status _ <&3
[[ $status == 200 || $status == 401 ]]

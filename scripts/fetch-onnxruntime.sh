#!/usr/bin/env bash
# Fetches ONNX Runtime's shared library: scripts/fetch-onnxruntime.sh [DEST]
#
# DEST is a folder, by default ${REP_CACHE:-.rep/cache}/onnxruntime, where the program looks for it. The
# library is taken out of the PyPI wheel `onnxruntime`; nothing of the wheel is run. Does nothing when
# ORT_DYLIB_PATH is set, or when the right file is there.
set -euo pipefail

VERSION=1.31.1 # its wheels and libraries are pinned in pins.txt, for each platform

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dest=${1:-${REP_CACHE:-$repo/.rep/cache}/onnxruntime}
case $(uname -s) in
    Darwin) library=libonnxruntime.dylib ;;
    *) library=libonnxruntime.so ;;
esac

say() { printf 'fetch-onnxruntime: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
pins() { python3 -B "$repo/scripts/pins.py" "$@"; }

if [[ -n ${ORT_DYLIB_PATH:-} ]]; then
    [[ -f $ORT_DYLIB_PATH ]] || fail "ORT_DYLIB_PATH says \`$ORT_DYLIB_PATH\`, where no file is"
    exit 0
fi
command -v python3 >/dev/null || fail "python3 is needed to unpack the library; install it, or set ORT_DYLIB_PATH"

target=$dest/$library
wheel=onnxruntime==$VERSION
pins expected "$wheel" >/dev/null || fail "set ORT_DYLIB_PATH to a library of ONNX Runtime 1.20 or newer that you trust"
if [[ -f $target ]] && pins check "$target" "lib$wheel" 2>/dev/null; then
    exit 0
fi

case $(pins platform) in
    linux-x86_64) tags=(--platform manylinux_2_28_x86_64) ;;
    linux-aarch64) tags=(--platform manylinux_2_28_aarch64) ;;
    macos-arm64) tags=(--platform macosx_14_0_arm64) ;;
    *) fail "there is no wheel for $(pins platform)" ;;
esac
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; install it, or set ORT_DYLIB_PATH"
mkdir -p "$dest"
work=$(mktemp -d "$dest/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

say "downloading ONNX Runtime $VERSION (about 24 MB)"
# One fixed Python version: which wheel is taken must not depend on the Python that runs pip.
python3 -m pip download --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 "${tags[@]}" \
    --dest "$work" "$wheel" >&2 || fail "the download failed; check the network, then run this again"
pins check "$work"/*.whl "$wheel" || fail "it is not the wheel that is pinned"
pins unpack "$work"/*.whl "$work/unpacked" onnxruntime/capi/ || fail "it cannot be unpacked"
found=$(find "$work/unpacked" -maxdepth 1 -name 'libonnxruntime.so.*' -o -maxdepth 1 -name 'libonnxruntime.*.dylib')
[[ -f $found ]] || fail "expected one library in the wheel, found \`${found:-none}\`"
pins check "$found" "lib$wheel" || fail "it is not the library that is pinned"
mv -f "$found" "$target"
rm -f "$dest/.$library.stamp" # of earlier releases
say "installed $target"

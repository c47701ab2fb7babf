#!/usr/bin/env bash
# Fetches ONNX Runtime's shared library: scripts/fetch-onnxruntime.sh [DEST]
#
# DEST is a folder, by default ${REP_CACHE:-.rep/cache}/onnxruntime, where the program looks for it. The
# library is taken out of the PyPI wheel `onnxruntime`; nothing of the wheel is run. Does nothing when
# ORT_DYLIB_PATH is set, or when the right file is there.
set -euo pipefail

VERSION=1.31.1

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dest=${1:-${REP_CACHE:-$repo/.rep/cache}/onnxruntime}
say() { printf 'fetch-onnxruntime: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# SHA-256 of the library inside the wheel for each machine that there is a wheel for.
library=libonnxruntime.so
case $(uname -sm) in
    "Linux x86_64") SHA256=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3 ;;
    "Linux aarch64") SHA256=8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467 ;;
    "Darwin arm64")
        SHA256=d586cbe89effc085a09d3341b3cfbd5c322517f9d397aeb20814af21433f2b36
        library=libonnxruntime.dylib
        ;;
    *) [[ -n ${ORT_DYLIB_PATH:-} ]] || fail "there is no ONNX Runtime $VERSION for $(uname -sm) here; set ORT_DYLIB_PATH to a library of yours" ;;
esac
sha256() { python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }

if [[ -n ${ORT_DYLIB_PATH:-} ]]; then
    [[ -f $ORT_DYLIB_PATH ]] || fail "ORT_DYLIB_PATH says \`$ORT_DYLIB_PATH\`, where no file is"
    exit 0
fi
command -v python3 >/dev/null || fail "python3 is needed to unpack the library; install it, or set ORT_DYLIB_PATH"

target=$dest/$library
stamp=$dest/.$library.stamp
if [[ -f $target && -f $stamp && $(cat "$stamp") == "$VERSION $(sha256 "$target")" ]]; then
    exit 0
fi

python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; install it, or set ORT_DYLIB_PATH"
mkdir -p "$dest"
work=$(mktemp -d "$dest/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

say "downloading ONNX Runtime $VERSION (about 24 MB)"
# One fixed Python version: which wheel is taken must not depend on the Python that runs pip.
python3 -m pip download --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
    --dest "$work" "onnxruntime==$VERSION" >&2 || fail "the download failed; check the network, then run this again"

python3 - "$work" "$work/$library" <<'PYTHON'
import pathlib, re, shutil, sys, zipfile

folder, target = pathlib.Path(sys.argv[1]), sys.argv[2]
(wheel,) = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    wanted = re.compile(r"onnxruntime/capi/libonnxruntime(\.so(\.[0-9.]+)?|(\.[0-9.]+)?\.dylib)$")
    names = [name for name in archive.namelist() if wanted.match(name)]
    if len(names) != 1:
        sys.exit(f"expected one library in {wheel.name}, found {names}")
    with archive.open(names[0]) as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out)
PYTHON

found=$(sha256 "$work/$library")
if [[ $found != "$SHA256" ]]; then
    fail "the library's SHA-256 is $found, expected $SHA256; nothing was installed"
fi
mv -f "$work/$library" "$target"
printf '%s' "$VERSION $found" >"$stamp"
say "installed $target"

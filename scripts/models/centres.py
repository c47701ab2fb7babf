#!/usr/bin/env python3
"""Computes the centres of a model: where its vectors lie on average, by kind of text and by script.

    centres.py MODEL_DIR > centres.json

e5's vectors share a direction, and those of one language another: a Korean query is nearer to anything Korean than to
what it means in English. Taking the mean of its kind and script off each vector removes both. The means are over the
forty-eight made-up goods of `centre-texts.tsv` beside this script (name, description, Korean name, Korean description,
English query, Korean query), which are in no catalogue or benchmark of ours. Needs numpy, onnxruntime and tokenizers; it
is run once for a model, not when one is fetched.
"""
import json
import sys
from pathlib import Path

import numpy
import onnxruntime
from tokenizers import Tokenizer


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    manifest = json.loads((folder / "rep-model.json").read_text())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))

    def embed(text):
        ids = numpy.array([tokenizer.encode(text).ids], dtype=numpy.int64)
        states = session.run(None, {"input_ids": ids, "attention_mask": numpy.ones_like(ids)})[0][0]
        mean = states.astype(numpy.float64).mean(axis=0)
        return mean / numpy.linalg.norm(mean)

    def centre(texts):
        return [round(float(x), 5) for x in numpy.mean([embed(text) for text in texts], axis=0)]

    lines = (Path(__file__).parent / "centre-texts.tsv").read_text(encoding="utf-8").splitlines()
    goods = [line.split("\t") for line in lines]
    query, passage = manifest["queryPrefix"], manifest["passagePrefix"]
    centres = {
        "query": {"other": centre([query + g[4] for g in goods]), "hangul": centre([query + g[5] for g in goods])},
        "passage": {
            "other": centre([f"{passage}{g[0]}. {g[1]}" for g in goods]),
            "hangul": centre([f"{passage}{g[2]}. {g[3]}" for g in goods]),
        },
    }
    print(json.dumps(centres, separators=(",", ":")))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Turns a BERT encoder (config.json + model.safetensors) into one ONNX file.

    minilm_to_onnx.py SOURCE_DIR TARGET.onnx

Needs nothing but Python's standard library; the same weights always give the same bytes. The token type is always 0
and is folded into the position table; the attention scale is folded into the query projection.
"""
import array
import json
import math
import mmap
import struct
import sys
from pathlib import Path

from onnx_writer import Graph, transposed, write

OPSET = 20  # the first with Gelu
IR_VERSION = 9


# ---- safetensors --------------------------------------------------------------------------------------
class Weights:
    """float32 tensors of a safetensors file, as flat arrays."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (size,) = struct.unpack("<Q", self.data[:8])
        self.header = json.loads(self.data[8 : 8 + size])
        self.start = 8 + size

    def shape(self, name):
        return self.header[name]["shape"]

    def get(self, name, shape):
        entry = self.header.get(name)
        if entry is None:
            sys.exit(f"minilm_to_onnx: the weights hold no tensor `{name}`")
        if entry["dtype"] != "F32" or entry["shape"] != list(shape):
            sys.exit(f"minilm_to_onnx: `{name}` is {entry['dtype']} {entry['shape']}, expected F32 {list(shape)}")
        begin, end = entry["data_offsets"]
        values = array.array("f")
        values.frombytes(self.data[self.start + begin : self.start + end])
        if sys.byteorder != "little":
            values.byteswap()
        return values


# ---- the model ----------------------------------------------------------------------------------------
def build(config, weights):
    for key, expected in (("model_type", "bert"), ("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if config.get(key, expected) != expected:
            sys.exit(f"minilm_to_onnx: `{key}` is `{config[key]}`, only `{expected}` is known")
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads, positions = config["num_attention_heads"], config["max_position_embeddings"]
    epsilon, width = float(config["layer_norm_eps"]), hidden // heads
    scale = 1.0 / math.sqrt(width)  # exactly rounded on every machine, unlike a power
    g = Graph()

    def linear(x, name, source, rows, columns):
        weight = transposed(weights.get(f"{source}.weight", [columns, rows]), columns, rows)
        w = g.floats(f"{name}.weight", [rows, columns], weight)
        b = g.floats(f"{name}.bias", [columns], weights.get(f"{source}.bias", [columns]))
        return g.node("Add", [g.node("MatMul", [x, w]), b])

    def norm(x, name, source):
        w = g.floats(f"{name}.weight", [hidden], weights.get(f"{source}.weight", [hidden]))
        b = g.floats(f"{name}.bias", [hidden], weights.get(f"{source}.bias", [hidden]))
        return g.node("LayerNormalization", [x, w, b], axis=-1, epsilon=epsilon)

    def embeddings():
        vocabulary = config["vocab_size"]
        words = weights.get("embeddings.word_embeddings.weight", [vocabulary, hidden])
        table = weights.get("embeddings.position_embeddings.weight", [positions, hidden])
        types = weights.get("embeddings.token_type_embeddings.weight", [config["type_vocab_size"], hidden])
        first = types[:hidden] * positions
        table = array.array("f", (a + b for a, b in zip(table, first)))
        word = g.node("Gather", [g.floats("embeddings.word", [vocabulary, hidden], words), "input_ids"])
        length = g.node("Shape", ["input_ids"], start=1, end=2)
        table = g.floats("embeddings.position", [positions, hidden], table)
        place = g.node("Slice", [table, g.ints("zero", [0]), length, g.ints("axis_0", [0])])
        return norm(g.node("Add", [word, place]), "embeddings.norm", "embeddings.LayerNorm")

    def projection(source):
        """Query (scaled), key and value side by side: [hidden, 3 * hidden] and [3 * hidden]."""
        parts, biases = [], array.array("f")
        for part, factor in (("query", scale), ("key", 1.0), ("value", 1.0)):
            weight = weights.get(f"{source}.self.{part}.weight", [hidden, hidden])
            bias = weights.get(f"{source}.self.{part}.bias", [hidden])
            if factor != 1.0:
                weight = array.array("f", (v * factor for v in weight))
                bias = array.array("f", (v * factor for v in bias))
            parts.append(transposed(weight, hidden, hidden))
            biases.extend(bias)
        joined = array.array("f")
        for row in range(hidden):
            for part in parts:
                joined.extend(part[row * hidden : (row + 1) * hidden])
        return joined, biases

    def attention(x, name, source, bias):
        weight, offset = projection(source)
        w = g.floats(f"{name}.qkv.weight", [hidden, 3 * hidden], weight)
        b = g.floats(f"{name}.qkv.bias", [3 * hidden], offset)
        joint = g.node("Add", [g.node("MatMul", [x, w]), b])
        split = g.node("Split", [joint], outputs=3, axis=-1, num_outputs=3)
        query, key, value = (g.node("Reshape", [part, "by_head"]) for part in split)
        query = g.node("Transpose", [query], perm=[0, 2, 1, 3])
        key = g.node("Transpose", [key], perm=[0, 2, 3, 1])
        value = g.node("Transpose", [value], perm=[0, 2, 1, 3])
        scores = g.node("Add", [g.node("MatMul", [query, key]), bias])
        mixed = g.node("MatMul", [g.node("Softmax", [scores], axis=-1), value])
        mixed = g.node("Reshape", [g.node("Transpose", [mixed], perm=[0, 2, 1, 3]), "joined"])
        return linear(mixed, f"{name}.output", f"{source}.output.dense", hidden, hidden)

    def layer(x, number, bias):
        name, source = f"layer.{number}", f"encoder.layer.{number}"
        attended = g.node("Add", [attention(x, f"{name}.attention", f"{source}.attention", bias), x])
        x = norm(attended, f"{name}.attention.norm", f"{source}.attention.output.LayerNorm")
        inside = linear(x, f"{name}.up", f"{source}.intermediate.dense", hidden, inner)
        outside = linear(g.node("Gelu", [inside]), f"{name}.down", f"{source}.output.dense", inner, hidden)
        return norm(g.node("Add", [outside, x]), f"{name}.norm", f"{source}.output.LayerNorm")

    g.ints("by_head", [0, 0, heads, width])
    g.ints("joined", [0, 0, hidden])
    x, bias = embeddings(), g.attention_bias()
    for number in range(config["num_hidden_layers"]):
        x = layer(x, number, bias)
    return g.encoder(x, hidden, [("", OPSET)], IR_VERSION)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    config = json.loads((source / "config.json").read_text())
    data = build(config, Weights(source / "model.safetensors"))
    write(target, data)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Turns a packed multilingual-e5-small (`e5-small-q4.bin`) into model.onnx and tokenizer.json.

    e5_to_onnx.py SOURCE.bin TARGET_DIR

Needs nothing but Python's standard library; the same source always gives the same bytes. The encoder's weights are
dequantised to float32. The word table, most of the model, keeps its 4 bits: its rows are dequantised as they are looked
up, by ONNX Runtime's GatherBlockQuantized, which gives the same vectors from a third of the file and of the memory. The
token type is always 0 and is folded into the position table.
"""
import array
import json
import math
import sys
from pathlib import Path

from e5_packed import BLOCK, Packed
from e5_tokenizer import tokenizer
from onnx_writer import INT4, Graph, transposed, write

OPSETS = [("", 21), ("com.microsoft", 1)]
IR_VERSION = 10


def build(packed):
    """The serialised model."""
    hidden, heads, epsilon = packed.hidden, packed.heads, float(packed.epsilon)
    width = hidden // heads
    g = Graph()

    def linear(x, source, rows, columns):
        """x [.., rows] to [.., columns]."""
        bias = g.floats(f"{source}.bias", [columns], packed.floats(f"{source}.b", columns))
        weight = transposed(packed.dense(f"{source}.w", columns, rows), columns, rows)
        weight = g.floats(f"{source}.weight", [rows, columns], weight)
        return g.node("Add", [g.node("MatMul", [x, weight]), bias])

    def norm(x, source):
        w = g.floats(f"{source}.weight", [hidden], packed.floats(f"{source}.w", hidden))
        b = g.floats(f"{source}.bias", [hidden], packed.floats(f"{source}.b", hidden))
        return g.node("LayerNormalization", [x, w, b], axis=-1, epsilon=epsilon)

    def words():
        shape = [packed.vocabulary, hidden]
        raw, scales = packed.nibbles("emb.word", *shape)
        table = g.tensor("emb.word", INT4, shape, raw)
        scale = g.floats("emb.word.scale", [shape[0], hidden // BLOCK], scales)
        return g.node("GatherBlockQuantized", [table, "input_ids", scale], domain="com.microsoft",
                      gather_axis=0, quantize_axis=1, block_size=BLOCK)

    def embeddings():
        table = packed.floats("emb.pos", packed.positions * hidden)
        first = packed.floats("emb.type", packed.types * hidden)[:hidden] * packed.positions
        table = array.array("f", (a + b for a, b in zip(table, first)))
        length = g.node("Shape", ["input_ids"], start=1, end=2)
        table = g.floats("emb.pos", [packed.positions, hidden], table)
        place = g.node("Slice", [table, g.ints("zero", [0]), length, g.ints("axis_0", [0])])
        return norm(g.node("Add", [words(), place]), "emb.ln")

    def attention(x, source, bias):
        parts = (linear(x, f"{source}.{part}", hidden, hidden) for part in "qkv")
        query, key, value = (g.node("Reshape", [part, "by_head"]) for part in parts)
        query = g.node("Transpose", [g.node("Mul", [query, "attention_scale"])], perm=[0, 2, 1, 3])
        key = g.node("Transpose", [key], perm=[0, 2, 3, 1])
        value = g.node("Transpose", [value], perm=[0, 2, 1, 3])
        scores = g.node("Add", [g.node("MatMul", [query, key]), bias])
        mixed = g.node("MatMul", [g.node("Softmax", [scores], axis=-1), value])
        mixed = g.node("Reshape", [g.node("Transpose", [mixed], perm=[0, 2, 1, 3]), "joined"])
        return linear(mixed, f"{source}.ao", hidden, hidden)

    def layer(x, number, bias):
        source = f"l{number}"
        x = norm(g.node("Add", [attention(x, source, bias), x]), f"{source}.aln")
        inside = g.node("Gelu", [linear(x, f"{source}.fi", hidden, packed.inner)])
        outside = linear(inside, f"{source}.fo", packed.inner, hidden)
        return norm(g.node("Add", [outside, x]), f"{source}.oln")

    g.ints("by_head", [0, 0, heads, width])
    g.ints("joined", [0, 0, hidden])
    g.scalar("attention_scale", 1.0 / math.sqrt(width))
    x, bias = embeddings(), g.attention_bias()
    for number in range(packed.layers):
        x = layer(x, number, bias)
    return g.encoder(x, hidden, OPSETS, IR_VERSION)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    packed, target = Packed(sys.argv[1]), Path(sys.argv[2])
    text = json.dumps(tokenizer(packed), ensure_ascii=False, separators=(",", ":")) + "\n"
    write(target / "tokenizer.json", text.encode())
    write(target / "model.onnx", build(packed))


if __name__ == "__main__":
    main()

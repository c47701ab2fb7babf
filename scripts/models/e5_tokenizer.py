"""Builds `tokenizer.json`, as the library `tokenizers` reads it, from the vocabulary of a packed file."""
import sys
import unicodedata

# SentencePiece's `nmt_nfkc` is NFKC but for these: some controls vanish, some characters become a space,
# and U+FF5E stays. `check_rules` proves it against the table in the file.
GONE = [chr(c) for c in (*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F)]
SPACE = [chr(c) for c in (0x09, 0x0A, 0x0C, 0x0D, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581,
                          0xFEFF, 0xFFFD)]
TILDE, ASIDE = "\uff5e", "\U000f0000"  # kept from NFKC by way of a private character


def check_rules(rules):
    """Stops unless the normaliser's table is NFKC with exactly the exceptions above."""
    for char, result in rules.items():
        mine = "" if char in GONE else " " if char in SPACE else unicodedata.normalize("NFKC", char)
        if mine != result:
            sys.exit(f"e5_to_onnx: U+{ord(char):04X} becomes {result!r}, but NFKC gives {mine!r}")
    missing = [c for c in GONE + SPACE if c not in rules]
    if missing or TILDE in rules:
        sys.exit("e5_to_onnx: the normaliser's table is not the known one")


def tokenizer(packed):
    """The content of `tokenizer.json` for a packed file."""
    check_rules(packed.rules)

    def replace(pattern, content):
        return {"type": "Replace", "pattern": pattern, "content": content}

    def any_of(chars):
        return {"Regex": "[" + "".join(f"\\x{{{ord(c):04X}}}" for c in chars) + "]"}

    normalizers = [
        replace(any_of(GONE), ""),
        replace(any_of(SPACE), " "),
        replace({"String": TILDE}, ASIDE),
        {"type": "NFKC"},
        replace({"String": ASIDE}, TILDE),
    ]
    special = {packed.bos: "<s>", packed.pad: "<pad>", packed.eos: "</s>", packed.unk: "<unk>",
               len(packed.pieces) - 1: "<mask>"}
    for number, text in special.items():
        if packed.pieces[number] != text:
            sys.exit(f"e5_to_onnx: token {number} is `{packed.pieces[number]}`, expected `{text}`")
    added = [{"id": number, "content": text, "single_word": False, "lstrip": text == "<mask>", "rstrip": False,
              "normalized": False, "special": True} for number, text in sorted(special.items())]

    start, end = ({"SpecialToken": {"id": text, "type_id": 0}} for text in ("<s>", "</s>"))
    one, two = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, one, end],
            "pair": [start, one, end, end, two, end],
            "special_tokens": {text: {"id": text, "ids": [number], "tokens": [text]}
                               for number, text in ((packed.bos, "<s>"), (packed.eos, "</s>"))},
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": packed.unk,
                  "vocab": [[piece, score] for piece, score in zip(packed.pieces, packed.scores)],
                  "byte_fallback": False},
    }

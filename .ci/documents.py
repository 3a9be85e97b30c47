#!/usr/bin/env python3
"""Checks that the documents point to what exists.

In every Markdown file, each link to a file of this repository must lead there, and each `#heading` to a heading. In
CONTRIBUTING.md also each path in backticks, such as `crates/domain/src/limits.rs`, must exist.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
PATH = re.compile(r"`((?:\.ci|audit|bench|crates|docs|e2e|emulator|functions|loadtest|localstack|protocol-model|seed)/[\w./-]*)`")


def main():
    list_documents = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    documents = subprocess.check_output(list_documents, cwd=ROOT, text=True).split()
    problems = [problem for document in documents for problem in check(document)]
    print("\n".join(problems) or f"{len(documents)} documents point to what exists")
    return 1 if problems else 0


def check(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for number, line in enumerate(without_code(text).splitlines(), 1):
        for link in LINK.finditer(line):
            target = link[1] or link[2]
            if not re.match(r"[a-z]+:", target) and not leads_somewhere(document, target):
                yield f"{document}:{number}: {target} leads nowhere"
        if document == "CONTRIBUTING.md":
            for path in PATH.findall(line):
                if "NAME" not in path and not (ROOT / path).exists():
                    yield f"{document}:{number}: there is no {path}"


def leads_somewhere(document, target):
    file, _, heading = target.partition("#")
    path = (ROOT / document).parent / file if file else ROOT / document
    return path.exists() and (not heading or heading in anchors(path))


def anchors(path):
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(text):
    """Blanks out fenced blocks and keeps the lines' numbers."""
    return re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())

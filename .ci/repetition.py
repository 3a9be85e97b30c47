#!/usr/bin/env python3
"""Checks that no run of 12 lines stands twice in the code: what is needed twice gets a name and a place of its own.

Indentation and empty lines don't count. Cargo's manifests, generated files and documents are not looked at.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUN = 12
KINDS = {".rs", ".py", ".ts", ".html", ""}  # "": shell scripts
NOT_CODE = {"LICENSE", ".gitignore"}


def main():
    files = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    code = [file for file in files if Path(file).suffix in KINDS and Path(file).name not in NOT_CODE]
    lines = {file: read(file) for file in code if (ROOT / file).is_file()}
    problems = list(find_repetitions(lines))
    print("\n".join(problems) or f"{len(lines)} files of code: nothing of {RUN} lines stands twice")
    return 1 if problems else 0


def read(file):
    """The lines that count, each with its number."""
    numbered = enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1)
    return [(number, line.strip()) for number, line in numbered if line.strip()]


def find_repetitions(files):
    first_places = {}
    for file, lines in files.items():
        at = 0
        while at + RUN <= len(lines):
            run = tuple(line for _, line in lines[at : at + RUN])
            other, place = first_places.setdefault(run, (file, at))
            if (other, place) == (file, at):
                at += 1
                continue
            length = common_length(files[other][place:], lines[at:])
            yield f"{file}:{lines[at][0]} repeats {length} lines of {other}:{files[other][place][0]}"
            at += length


def common_length(one, other):
    pairs = zip(one, other)
    return next((count for count, ((_, a), (_, b)) in enumerate(pairs) if a != b), min(len(one), len(other)))


if __name__ == "__main__":
    sys.exit(main())

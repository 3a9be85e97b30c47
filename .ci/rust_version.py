#!/usr/bin/env python3
"""Checks that the shop needs no newer Rust than it says: the `rust-version` in Cargo.toml.

Every crate that is built here must ask for that version or an older one. What the code itself uses of the standard
library is checked by clippy (`incompatible_msrv`), which reads the same line.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
METADATA = ["cargo", "metadata", "--locked", "--format-version", "1"]
PLATFORM = ["--filter-platform", "x86_64-unknown-linux-gnu"]


def version(text):
    numbers = [int(number) for number in text.split(".")]
    return (numbers + [0, 0])[:3]


def main():
    packages = json.loads(subprocess.check_output([*METADATA, *PLATFORM], cwd=ROOT))["packages"]
    ours = next(package["rust_version"] for package in packages if package["name"] == "domain")
    problems = [
        f"{package['name']} {package['version']} needs Rust {package['rust_version']}, newer than {ours}"
        for package in packages
        if package["rust_version"] and version(package["rust_version"]) > version(ours)
    ]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    promised = re.search(r"\[Rust\]\(https://rustup\.rs\) (\S+) or newer", readme)
    if not promised or promised[1] != ours:
        problems.append(f"README.md must promise Rust {ours}, as Cargo.toml does")
    print("\n".join(problems) or f"{len(packages)} crates need Rust {ours} or older")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

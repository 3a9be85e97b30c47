#!/usr/bin/env python3
"""Checks which way the code's dependencies point.

Fails when
  * a crate uses a crate that it must not use (the table MAY_USE),
  * a crate uses a library from outside that its room excludes (the table NEVER),
  * a folder of modules uses another one that it must not use, in the table MODULES_NEVER,
  * modules of one crate use each other in a circle: siblings in one folder, or two folders by anything inside them.

Tests may use what they like: `#[cfg(test)]`, tests/, benches/, examples/ and dev-dependencies are not looked at.

    .ci/structure.py            checks this repository
    .ci/structure.py FOLDER     checks another workspace
    .ci/structure.py --arrows   also prints each crate's modules with what they use
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

# --- The drawn direction --------------------------------------------------------------------------

# Each room of the workspace, with the rooms that it may use. A room is a folder's path or, with /*, all folders in one.
# The same picture is in CONTRIBUTING.md.
SHOP = ["crates/shop", "crates/store", "crates/payments", "crates/telemetry", "crates/domain"]
EMULATOR = ["emulator", "crates/emulator-api"]
TOOLS = ["crates/deployment", "audit", "seed", "loadtest", "bench", "e2e"]
MAY_USE = {
    "crates/domain": [],
    "crates/telemetry": ["crates/domain"],
    "crates/payments": ["crates/domain"],
    "crates/store": ["crates/domain"],
    "crates/shop": SHOP[1:],
    "crates/api": SHOP,
    "functions/*": ["crates/api", *SHOP],
    # It runs template.yaml, and would run any other: it knows nothing of the shop but the log lines and the trace
    # headers that its page reads, which are types of telemetry.
    "emulator": ["crates/emulator-api", "crates/telemetry"],
    "crates/emulator-api": [],
    # It is written from the design alone, so that a mistake in the shop is not in the model, too.
    "protocol-model": [],
    # Tools may use the shop, the emulator and each other, but no function: they call functions as clients do.
    **{tool: [*TOOLS, *EMULATOR, "crates/api", *SHOP] for tool in TOOLS},
}

# Libraries from outside that a room excludes, by the beginning of their names.
NEVER = {
    "crates/domain": ["aws", "lambda", "tokio", "http", "hyper", "reqwest", "tracing", "fastrand"],
    "crates/shop": ["aws-sdk", "aws_lambda", "lambda", "http", "hyper", "reqwest"],
    "crates/payments": ["aws", "lambda"],
    "crates/store": ["lambda", "aws_lambda"],
}

# Folders of modules that another one of the same crate never uses, though that would be no circle.
MODULES_NEVER = {
    "emulator": {
        # They receive what happened, and ask nobody.
        "meter": ["endpoint", "events", "gateway", "lambda", "start"],
        "page": ["endpoint", "events", "gateway", "lambda", "start"],
        # An AWS service answers calls, whoever starts it and whatever else runs.
        "services": ["endpoint", "events", "gateway", "lambda", "page", "start"],
        # Text in, model out.
        "template": ["endpoint", "events", "gateway", "lambda", "meter", "page", "services", "start"],
    },
}

HOW_TO_MEND_CRATES = """\
  To mend it: move what is needed to the crate below that both may use, or hand it in as an argument, a closure or a
  trait. If the drawing itself must change, change it in .ci/structure.py and in CONTRIBUTING.md, and say why."""

HOW_TO_MEND_MODULES = """\
  To mend it, turn or remove an arrow: move what both sides need to a module of its own below them, or let
  the one above hand it in (as an argument, a closure, a channel or a trait)."""


def main(arguments):
    show_arrows = "--arrows" in arguments
    folders = [argument for argument in arguments if not argument.startswith("-")]
    root = Path(folders[0] if folders else Path(__file__).parent.parent).resolve()
    packages = read_workspace(root)
    problems = wrong_directions(root, packages) + excluded_libraries(root, packages)
    modules = 0
    for package in packages:
        for crate in read_crates(package):
            modules += len(crate.modules)
            arrows = find_arrows(crate)
            if show_arrows:
                print_arrows(root, crate, arrows)
            problems += wrong_modules(root, crate, arrows) + circles(root, crate, arrows)
    if problems:
        print("\n\n".join(problems), file=sys.stderr)
        print(f"\n{len(problems)} against the structure", file=sys.stderr)
        return 1
    print(f"{len(packages)} crates and {modules} modules: no circle, and every arrow points the drawn way")
    return 0


# --- Crates ---------------------------------------------------------------------------------------


def read_workspace(root):
    command = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    return json.loads(subprocess.check_output(command, cwd=root))["packages"]


def room_of(root, folder):
    path = Path(folder).resolve().relative_to(root).as_posix()
    if path in MAY_USE:
        return path
    parent = path.rpartition("/")[0] + "/*"
    return parent if parent in MAY_USE else None


def plain_dependencies(package):
    """What the crate itself uses, and its build script; not what its tests use."""
    return [dependency for dependency in package["dependencies"] if dependency["kind"] != "dev"]


def wrong_directions(root, packages):
    problems = []
    for package in packages:
        room = room_of(root, Path(package["manifest_path"]).parent)
        if room is None:
            problems.append(
                f"crate {package['name']} has no place in the drawing: add its folder to MAY_USE in .ci/structure.py"
            )
            continue
        for dependency in plain_dependencies(package):
            if dependency.get("path") and room_of(root, dependency["path"]) not in MAY_USE[room]:
                allowed = ", ".join(MAY_USE[room]) or "no crate of this workspace"
                problems.append(
                    f"wrong direction: {package['name']} → {dependency['name']}\n"
                    f"  {room} may use {allowed}.\n{HOW_TO_MEND_CRATES}"
                )
    return problems


def excluded_libraries(root, packages):
    problems = []
    for package in packages:
        room = room_of(root, Path(package["manifest_path"]).parent)
        for dependency in plain_dependencies(package):
            if not dependency.get("path") and dependency["name"].startswith(tuple(NEVER.get(room, []))):
                problems.append(
                    f"excluded library: {package['name']} → {dependency['name']}\n"
                    f"  {room} uses nothing that begins with {', '.join(NEVER[room])}.\n{HOW_TO_MEND_CRATES}"
                )
    return problems


# --- Modules --------------------------------------------------------------------------------------


@dataclass
class Module:
    """One module: a file, or `mod name { … }` inside one."""

    path: tuple  # ("meter", "counts"); the root of a crate is ()
    file: Path
    items: set = field(default_factory=set)  # names of what is defined here
    imports: dict = field(default_factory=dict)  # name → the path that `use` gives it
    globs: list = field(default_factory=list)  # paths of `use path::*`
    paths: list = field(default_factory=list)  # (line, path) wherever the code names something


@dataclass
class Crate:
    """A library or a binary."""

    name: str
    modules: dict  # path → Module


def read_crates(package):
    for target in package["targets"]:
        if {"lib", "bin", "proc-macro"} & set(target["kind"]):
            crate = Crate(target["name"], {})
            source = Path(target["src_path"])
            read_file(crate, source, (), source.parent)
            yield crate


def read_file(crate, file, path, folder):
    tokens = tokenize(file.read_text(encoding="utf-8"))
    read_module(crate, without_tests(tokens), Module(path, file), folder)


# What tells a token: comments and literals go, so that only names and signs remain.
TOKEN = re.compile(
    r"""
    (?P<skip> //[^\n]* | [bc]?r(?P<hashes>\#*)".*?"(?P=hashes) | [bc]?"(?:\\.|[^"\\])*"
      | b?'(?:\\[^\n]+?|[^'\\\n])' | '\w+ )
  | (?P<comment> /\* )
  | (?P<name> (?:r\#)?[A-Za-z_]\w* )
  | (?P<sign> :: | \S )
    """,
    re.VERBOSE | re.DOTALL,
)


def tokenize(text):
    """The names and signs of a file, each with its line."""
    tokens, at, line, counted = [], 0, 1, 0
    while match := TOKEN.search(text, at):
        at = match.end()
        if match["comment"]:
            at = end_of_comment(text, match.start())
        elif not match["skip"]:
            line += text.count("\n", counted, match.start())
            counted = match.start()
            tokens.append((match["name"] or match["sign"], line))
    return tokens


def end_of_comment(text, begin):
    """Comments in /* */ may hold others."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(text, begin):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


PAIRS = {"(": ")", "[": "]", "{": "}"}


def end_of_group(tokens, begin):
    """The place after the bracket that closes the one at `begin`."""
    depth = 0
    for at in range(begin, len(tokens)):
        if tokens[at][0] in PAIRS:
            depth += 1
        elif tokens[at][0] in PAIRS.values():
            depth -= 1
            if depth == 0:
                return at + 1
    return len(tokens)


def words(tokens, begin, end):
    return "".join(word for word, _ in tokens[begin:end])


def without_tests(tokens):
    """Leaves out each item under `#[cfg(test)]`."""
    kept, at = [], 0
    while at < len(tokens):
        if words(tokens, at, at + 7) == "#[cfg(test)]":
            at = end_of_item(tokens, at + 7)
        else:
            kept.append(tokens[at])
            at += 1
    return kept


def end_of_item(tokens, begin):
    at = begin
    while words(tokens, at, at + 2) == "#[":
        at = end_of_group(tokens, at + 1)
    ends_with_semicolon = any(word in ("use", "const", "static", "let") for word, _ in tokens[at : at + 3])
    while at < len(tokens):
        word = tokens[at][0]
        if word == ";":
            return at + 1
        if word in PAIRS:
            at = end_of_group(tokens, at)
            if word == "{" and not ends_with_semicolon:
                return at
        else:
            at += 1
    return at


DEFINES = {"fn", "struct", "enum", "union", "trait", "type", "const", "static"}


def read_module(crate, tokens, module, folder):
    """Enters a module and those inside it into the crate. `folder` is where files of its own modules are."""
    crate.modules[module.path] = module
    at = 0
    while at < len(tokens):
        word, line = tokens[at]
        following = tokens[at + 1][0] if at + 1 < len(tokens) else ""
        after = tokens[at + 2][0] if at + 2 < len(tokens) else ""
        if word == "mod" and after == ";":
            read_child(crate, module, following, folder)
            at += 3
        elif word == "mod" and after == "{":
            end = end_of_group(tokens, at + 2)
            child = Module((*module.path, following), module.file)
            read_module(crate, tokens[at + 3 : end - 1], child, folder / following)
            at = end
        elif word == "use" and following != "<":
            at = read_use(tokens, at + 1, (), module)
        elif word == "macro_rules":
            module.items.add(after)
            at += 3
        elif word in DEFINES and re.match(r"\w", following):
            module.items.add(following)
            at += 2
        elif following == "::" and re.match(r"\w", word):
            at = read_path(tokens, at, module)
        elif word == "in" and following in ("crate", "super", "self"):
            at = end_of_visibility(tokens, at)
        else:
            at += 1


def end_of_visibility(tokens, at):
    """`pub(in crate::meter)` names a module without using it; `for x in crate::list()` uses it."""
    if at >= 2 and tokens[at - 1][0] == "(" and tokens[at - 2][0] == "pub":
        return end_of_group(tokens, at - 1)
    return at + 1


def read_child(crate, parent, name, folder):
    for file in (folder / f"{name}.rs", folder / name / "mod.rs"):
        if file.exists():
            return read_file(crate, file, (*parent.path, name), folder / name)


def read_path(tokens, at, module):
    line, path = tokens[at][1], [tokens[at][0]]
    while at + 2 < len(tokens) and tokens[at + 1][0] == "::" and re.match(r"\w", tokens[at + 2][0]):
        path.append(tokens[at + 2][0])
        at += 2
    module.paths.append((line, tuple(path)))
    return at + 1


def read_use(tokens, at, prefix, module):
    """Reads `a::{b, c::d as e, f::*};` from `at` on; returns the place after it."""
    path, line, name = list(prefix), tokens[at][1], None
    while at < len(tokens):
        word = tokens[at][0]
        if word == "{":
            at += 1
            while tokens[at][0] != "}":
                at = read_use(tokens, at, tuple(path), module)
                at += tokens[at][0] == ","
            path = []
        elif word == "as":
            name = tokens[at + 1][0]
            at += 1
        elif word == "*":
            module.globs.append(tuple(path))
            module.paths.append((line, tuple(path)))
            path = []
        elif word in (",", "}", ";"):
            break
        elif word != "::":
            path.append(word)
        at += 1
    if path:
        if path[-1] == "self":
            path.pop()
        module.imports[name or path[-1]] = tuple(path)
        module.paths.append((line, tuple(path)))
    return at + (not prefix and at < len(tokens) and tokens[at][0] == ";")


# --- What uses what -------------------------------------------------------------------------------


def find_arrows(crate):
    """(user, used) → (line, path): each module with the modules in which the things are defined that it names."""
    arrows = {}
    for module in crate.modules.values():
        for line, path in module.paths:
            used = defining_module(crate, module, path)
            if used is not None and used != module.path:
                arrows.setdefault((module.path, used), (line, path))
    return arrows


def defining_module(crate, module, path, seen=frozenset()):
    """The module in which the thing at `path` is defined, seen from `module`; None if it is of another crate."""
    at, rest = module.path, list(path)
    if rest[0] == "crate":
        at, rest = (), rest[1:]
    elif rest[0] in ("self", "super"):
        while rest and rest[0] in ("self", "super"):
            at = at[:-1] if rest[0] == "super" else at
            rest = rest[1:]
    elif rest[0] not in known_names(crate, module):
        return None
    return walk(crate, at, rest, seen)


def known_names(crate, module):
    children = {path[-1] for path in crate.modules if path and path[:-1] == module.path}
    return children | module.imports.keys()


def walk(crate, at, rest, seen):
    """Follows child modules and re-exports as far as they lead."""
    for index, name in enumerate(rest):
        if (*at, name) in crate.modules:
            at = (*at, name)
            continue
        module, behind = crate.modules[at], rest[index + 1 :]
        if (at, name) in seen or name in module.items:
            return at
        seen = seen | {(at, name)}
        if name in module.imports:
            return defining_module(crate, module, (*module.imports[name], *behind), seen)
        for glob in module.globs:
            found = defining_module(crate, module, glob, seen)
            if found is not None and found != at and has_name(crate, found, name):
                return walk(crate, found, [name, *behind], seen)
        return at
    return at


def has_name(crate, path, name):
    module = crate.modules[path]
    return name in module.items or name in module.imports or (*path, name) in crate.modules


def wrong_modules(root, crate, arrows):
    problems = {}
    for (user, used), (line, path) in arrows.items():
        if user and used and used[0] in MODULES_NEVER.get(crate.name, {}).get(user[0], []):
            file = crate.modules[user].file.relative_to(root)
            problems.setdefault(
                (user[0], used[0]),
                f"wrong direction in {crate.name}: {user[0]} → {used[0]}\n"
                f"  {file}:{line} names {'::'.join(path)}\n{HOW_TO_MEND_MODULES}",
            )
    return list(problems.values())


# --- Circles --------------------------------------------------------------------------------------


def circles(root, crate, arrows):
    """Each circle between siblings, at every level of the tree of modules."""
    problems = []
    for level in sorted({path[:-1] for path in crate.modules if path}):
        siblings = defaultdict(dict)
        for (user, used), place in arrows.items():
            if user[: len(level)] == used[: len(level)] == level and len(user) > len(level) < len(used):
                one, other = user[len(level)], used[len(level)]
                if one != other:
                    siblings[one].setdefault(other, (crate.modules[user], *place))
        for circle in find_circles(siblings):
            problems.append(describe(root, crate, level, circle, siblings))
    return problems


def find_circles(graph):
    """The shortest circle through each node that no circle before has; as lists of nodes."""
    found, covered = [], set()
    for begin in sorted(graph):
        circle = None if begin in covered else shortest_way_back(graph, begin)
        if circle:
            found.append(circle)
            covered.update(circle)
    return found


def shortest_way_back(graph, begin):
    ways = [[begin]]
    reached = set()
    for way in ways:
        for following in sorted(graph.get(way[-1], ())):
            if following == begin:
                return way
            if following not in reached:
                reached.add(following)
                ways.append([*way, following])
    return None


def describe(root, crate, level, circle, siblings):
    where = "::".join([crate.name, *level])
    lines = [f"circle in {where}: {' → '.join([*circle, circle[0]])}"]
    for one, other in zip(circle, [*circle[1:], circle[0]]):
        module, line, path = siblings[one][other]
        place = module.file.relative_to(root)
        lines.append(f"  {one} → {other}: {place}:{line} names {'::'.join(path)}")
    return "\n".join([*lines, HOW_TO_MEND_MODULES])


def print_arrows(root, crate, arrows):
    print(f"{crate.name}:")
    uses = defaultdict(set)
    for user, used in arrows:
        uses["::".join(user) or "(root)"].add("::".join(used) or "(root)")
    for user in sorted(uses):
        print(f"  {user} → {', '.join(sorted(uses[user]))}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

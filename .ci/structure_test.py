"""Tests structure.py with small made-up workspaces: `python3 .ci/structure_test.py`."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import structure


def manifest(name, dependencies=""):
    return f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\n{dependencies}'


def check(files):
    """Lays out a workspace of these files; returns the exit code and what was printed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        members = sorted(Path(name).parent.as_posix() for name in files if name.endswith("Cargo.toml"))
        (root / "Cargo.toml").write_text(f'[workspace]\nresolver = "3"\nmembers = {members}\n'.replace("'", '"'))
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = structure.main([str(root)])
        return code, output.getvalue()


def one_crate(**modules):
    """A crate `domain` of these modules; `a__b` is the file a/b.rs."""
    files = {"crates/domain/Cargo.toml": manifest("domain")}
    for name, text in modules.items():
        files[f"crates/domain/src/{name.replace('__', '/')}.rs"] = text
    return files


class Modules(unittest.TestCase):
    def assert_honest(self, files):
        code, output = check(files)
        self.assertEqual((0, ""), (code, "" if code == 0 else output))

    def assert_named(self, files, *expected):
        code, output = check(files)
        self.assertEqual(1, code, output)
        for line in expected:
            self.assertIn(line, output)

    def test_an_honest_tree_passes(self):
        self.assert_honest(
            one_crate(
                lib="mod order; mod money;",
                order="use crate::money::Money; pub struct Order { total: Money }",
                money="pub struct Money;",
            )
        )

    def test_siblings_that_use_each_other_are_named_with_their_lines_and_a_way_out(self):
        self.assert_named(
            one_crate(
                lib="mod order; mod money;",
                order="use crate::money::Money;\npub struct Order;",
                money="pub struct Money;\n\nuse super::order::{self, Order};",
            ),
            "circle in domain: money → order → money",
            "order → money: crates/domain/src/order.rs:1 names crate::money::Money",
            "money → order: crates/domain/src/money.rs:3 names super::order",
            "To mend it",
        )

    def test_a_circle_of_three_is_found(self):
        self.assert_named(
            one_crate(
                lib="mod a; mod b; mod c;",
                a="use crate::b::B; pub struct A;",
                b="use crate::c::C; pub struct B;",
                c="use crate::a::A; pub struct C;",
            ),
            "circle in domain: a → b → c → a",
        )

    def test_folders_that_use_each_other_are_a_circle_though_their_files_are_none(self):
        self.assert_named(
            one_crate(
                lib="mod left; mod right;",
                left__mod="mod one; pub mod two;",
                left__one="use crate::right::two::Two;",
                left__two="pub struct Two;",
                right__mod="mod one; pub mod two;",
                right__one="use crate::left::two::Two;",
                right__two="pub struct Two;",
            ),
            "circle in domain: left → right → left",
        )

    def test_a_circle_inside_a_folder_is_found(self):
        self.assert_named(
            one_crate(
                lib="mod folder;",
                folder="mod a; mod b;",
                folder__a="use super::b::B; pub struct A;",
                folder__b="use crate::folder::a::A; pub struct B;",
            ),
            "circle in domain::folder: a → b → a",
        )

    def test_a_name_that_is_re_exported_leads_to_where_it_is_defined(self):
        self.assert_named(
            one_crate(
                lib="mod a; mod b; pub use a::A; pub use b::*;",
                a="use crate::B; pub struct A;",
                b="use crate::A; pub struct B;",
            ),
            "circle in domain: a → b → a",
        )

    def test_a_path_in_the_code_counts_as_an_import_does(self):
        self.assert_named(
            one_crate(
                lib="mod a; mod b;",
                a="pub fn a() { crate::b::b() }",
                b="use super::a; pub fn b() { a::a() }",
            ),
            "circle in domain: a → b → a",
        )

    def test_a_folder_that_must_not_use_another_is_named_though_there_is_no_circle(self):
        self.assert_named(
            {
                "emulator/Cargo.toml": manifest("emulator"),
                "emulator/src/lib.rs": "mod meter; mod lambda;",
                "emulator/src/meter/mod.rs": "use crate::lambda::Lambda;",
                "emulator/src/lambda.rs": "pub struct Lambda;",
            },
            "wrong direction in emulator: meter → lambda",
            "emulator/src/meter/mod.rs:1 names crate::lambda::Lambda",
        )

    def test_an_inline_module_is_a_module(self):
        self.assert_named(
            one_crate(lib="mod a { pub fn a() { super::b::b() } } mod b { pub fn b() { super::a::a() } }"),
            "circle in domain: a → b → a",
        )

    def test_a_child_may_use_what_its_parent_defines(self):
        self.assert_honest(
            one_crate(
                lib="mod folder;",
                folder="mod a; pub struct Shared; pub fn start() { a::a(Shared) }",
                folder__a="use super::Shared; pub fn a(_: Shared) {}",
            )
        )

    def test_tests_may_use_what_they_like(self):
        self.assert_honest(
            one_crate(
                lib="mod a; mod b; #[cfg(test)] mod tests;",
                a='pub struct A; #[cfg(test)] mod tests { use crate::b::B; fn f() { "}" } }',
                b="use crate::a::A; #[cfg(test)] use crate::a::{A as B, *}; pub struct B;",
                tests="use crate::a::A; use crate::b::B;",
            )
        )

    def test_comments_text_and_visibility_are_no_use(self):
        self.assert_honest(
            one_crate(
                lib="mod a; mod b;",
                a="use crate::b::B; pub struct A;",
                b="/* crate::a /* crate::a::A */ crate::a */ // crate::a::A\n"
                'pub(in crate::a) const B: &str = "crate::a::A"; '
                'const C: [char; 3] = [\'"\', \'\\\'\', \'{\']; const D: &str = r#"crate::a"#;',
            )
        )

    def test_names_of_other_crates_are_no_modules(self):
        self.assert_honest(
            one_crate(
                lib="mod a; mod serde;",
                a="use std::fmt; use ::serde::Serialize; pub struct A;",
                serde="use crate::a::A;",
            )
        )


class Directions(unittest.TestCase):
    def two_crates(self, user, used, kind="dependencies"):
        above, below = Path(user).name, Path(used).name
        link = "../" * len(Path(user).parts) + used
        return {
            f"{user}/Cargo.toml": manifest(above) + f'[{kind}]\n{below} = {{ path = "{link}" }}'.replace(
                "[dependencies]\n", ""
            ),
            f"{user}/src/lib.rs": "",
            f"{used}/Cargo.toml": manifest(below),
            f"{used}/src/lib.rs": "",
        }

    def assert_wrong(self, user, used):
        code, output = check(self.two_crates(user, used))
        self.assertEqual(1, code, output)
        self.assertIn(f"wrong direction: {Path(user).name} → {Path(used).name}", output)

    def test_arrows_that_point_the_drawn_way_pass(self):
        for user, used in [
            ("functions/pay-order", "crates/shop"),
            ("crates/shop", "crates/store"),
            ("crates/store", "crates/domain"),
            ("audit", "crates/deployment"),
        ]:
            code, output = check(self.two_crates(user, used))
            self.assertEqual(0, code, output)

    def test_nothing_below_uses_what_is_above(self):
        self.assert_wrong("crates/domain", "crates/store")
        self.assert_wrong("crates/store", "crates/shop")
        self.assert_wrong("crates/shop", "crates/api")
        self.assert_wrong("crates/store", "crates/payments")

    def test_the_emulator_knows_no_crate_of_the_shop(self):
        self.assert_wrong("emulator", "crates/domain")
        self.assert_wrong("emulator", "functions/pay-order")

    def test_a_function_is_used_by_nothing(self):
        self.assert_wrong("functions/pay-order", "functions/cancel-order")
        self.assert_wrong("bench", "functions/pay-order")

    def test_tests_may_use_what_they_like(self):
        code, output = check(self.two_crates("crates/domain", "crates/store", "dev-dependencies"))
        self.assertEqual(0, code, output)

    def test_a_crate_without_a_place_in_the_drawing_is_named(self):
        code, output = check(self.two_crates("crates/domain", "crates/novelty", "dev-dependencies"))
        self.assertEqual(1, code)
        self.assertIn("crate novelty has no place in the drawing", output)

    def test_a_library_that_a_room_excludes_is_named(self):
        code, output = check(
            {"crates/domain/Cargo.toml": manifest("domain", 'tokio = "1"'), "crates/domain/src/lib.rs": ""}
        )
        self.assertEqual(1, code)
        self.assertIn("excluded library: domain → tokio", output)


if __name__ == "__main__":
    unittest.main()

//! Finds the shop's tables and queues by the names that deployments give them.

use anyhow::{Result, bail};

/// Finds the one name that CloudFormation, the emulator or LocalStack makes of a logical id:
/// `ProductsTable`, `local-ProductsTable` or `hedonify-ProductsTable-1ABC…`.
pub(crate) fn find(
    names: &[String],
    stack: Option<&str>,
    logical_id: &str,
    flag: &str,
) -> Result<String> {
    let matching: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| is_name_of(name, stack, logical_id))
        .collect();
    match matching[..] {
        [name] => Ok(name.to_owned()),
        [] => bail!("there is no {logical_id}: deploy the stack first, or name it with {flag}"),
        _ => bail!(
            "there is more than one {logical_id} ({}): name the stack with --stack or the one meant with {flag}",
            matching.join(", ")
        ),
    }
}

/// Whether a name is `<logical id>`, `<stack>-<logical id>` or
/// `<stack>-<logical id>-<a suffix of capitals and digits>`.
fn is_name_of(name: &str, stack: Option<&str>, logical_id: &str) -> bool {
    if name == logical_id {
        return stack.is_none();
    }
    let of_stack = |name: &str| {
        let before = name.strip_suffix(logical_id)?.strip_suffix('-')?;
        Some(stack.is_none_or(|stack| stack == before))
    };
    let with_suffix = || {
        let (before, suffix) = name.rsplit_once('-')?;
        let generated = suffix.chars().all(|c| c.is_ascii_alphanumeric());
        of_stack(before).filter(|_| generated)
    };
    of_stack(name).or_else(with_suffix).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: [&str; 2] = ["dev-StockTable-1A2B3C", "dev-OrdersTable-4D5E6F"];
    const PROD: [&str; 2] = ["prod-StockTable-7G8H9I", "prod-OrdersTable-0J1K2L"];

    fn find_stock(names: &[&str], stack: Option<&str>) -> Result<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        find(&names, stack, "StockTable", "--stock-table")
    }

    #[test]
    fn tables_are_found_by_the_names_that_deployments_give_them() {
        let local = ["CartsTable", "StockTable"];
        assert_eq!(find_stock(&local, None).unwrap(), "StockTable");
        let longer = ["OpenStockTable", "StockTable"];
        assert_eq!(find_stock(&longer, None).unwrap(), "StockTable");
        let named = ["local-CartsTable", "local-StockTable"];
        assert_eq!(find_stock(&named, None).unwrap(), named[1]);
        assert_eq!(find_stock(&named, Some("local")).unwrap(), named[1]);
        assert_eq!(find_stock(&DEV, None).unwrap(), DEV[0]);
        assert_eq!(
            find_stock(&[DEV, PROD].concat(), Some("prod")).unwrap(),
            PROD[0]
        );
    }

    #[test]
    fn an_ambiguous_or_missing_name_is_an_error_that_says_what_to_do() {
        let two = find_stock(&[DEV, PROD].concat(), None)
            .unwrap_err()
            .to_string();
        assert!(two.contains("--stack") && two.contains(DEV[0]) && two.contains(PROD[0]));
        for (names, stack) in [
            (vec![], None),
            (DEV.to_vec(), Some("prod")),
            (vec!["MyStockTable"], None),
        ] {
            let none = find_stock(&names, stack).unwrap_err().to_string();
            assert!(none.contains("--stock-table"), "{none}");
        }
    }
}

//! Finding the shop's tables under whatever names they were given.

use anyhow::{Result, bail};

/// The names of the tables that products are loaded into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The Products table.
    pub products: String,
    /// The Stock table.
    pub stock: String,
}

/// Finds the tables among all that an endpoint has, by the names that CloudFormation and local
/// clouds make from the template: `ProductsTable` or `hedonify-ProductsTable-1ABC…`.
///
/// # Errors
/// When a table is not there, or may be one of several.
pub fn find_tables(names: &[String], stack: Option<&str>) -> Result<Tables> {
    Ok(Tables {
        products: find_table(names, stack, "ProductsTable", "--products-table")?,
        stock: find_table(names, stack, "StockTable", "--stock-table")?,
    })
}

fn find_table(
    names: &[String],
    stack: Option<&str>,
    logical_id: &str,
    flag: &str,
) -> Result<String> {
    let fitting: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| is_table_of(name, stack, logical_id))
        .collect();
    match fitting[..] {
        [name] => Ok(name.to_owned()),
        [] => bail!("there is no {logical_id}: deploy the stack first, or name it with {flag}"),
        _ => bail!(
            "there is more than one {logical_id} ({}): name the stack with --stack or the table with {flag}",
            fitting.join(", ")
        ),
    }
}

/// Whether a name is `<logical id>` or `<stack>-<logical id>-<a suffix of capitals and digits>`.
fn is_table_of(name: &str, stack: Option<&str>, logical_id: &str) -> bool {
    if stack.is_none() && name == logical_id {
        return true;
    }
    let Some((before, suffix)) = name.rsplit_once('-') else {
        return false;
    };
    let Some(of_stack) = before
        .strip_suffix(logical_id)
        .and_then(|before| before.strip_suffix('-'))
    else {
        return false;
    };
    let generated = suffix.chars().all(|c| c.is_ascii_alphanumeric());
    generated && stack.is_none_or(|stack| stack == of_stack)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: [&str; 2] = ["dev-ProductsTable-1A2B3C", "dev-StockTable-4D5E6F"];
    const PROD: [&str; 2] = ["prod-ProductsTable-7G8H9I", "prod-StockTable-0J1K2L"];

    fn find(names: &[&str], stack: Option<&str>) -> Result<[String; 2]> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        find_tables(&names, stack).map(|tables| [tables.products, tables.stock])
    }

    #[test]
    fn tables_are_found_by_the_names_that_clouds_make() {
        let local = ["CartsTable", "ProductsTable", "StockTable"];
        assert_eq!(find(&local, None).unwrap(), local[1..]);
        assert_eq!(find(&DEV, None).unwrap(), DEV);
        assert_eq!(find(&[DEV, PROD].concat(), Some("prod")).unwrap(), PROD);
    }

    #[test]
    fn a_doubt_is_never_guessed_away() {
        let two = find(&[DEV, PROD].concat(), None).unwrap_err().to_string();
        assert!(two.contains("--stack") && two.contains(DEV[0]) && two.contains(PROD[0]));
        for (names, stack) in [(vec![], None), (DEV.to_vec(), Some("prod"))] {
            let none = find(&names, stack).unwrap_err().to_string();
            assert!(none.contains("--products-table"), "{none}");
        }
        assert!(find(&["MyProductsTable", "StockTable"], None).is_err());
    }
}

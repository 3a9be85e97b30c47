//! Card numbers. They are kept out of logs and tables.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A card's number: 12 to 19 digits. It can be neither displayed nor serialised, so it cannot leak into a log or
/// a table.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CardNumber(String);

/// The text is not a card's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the 12 to 19 digits on a card")]
pub struct CardNumberError;

impl CardNumber {
    /// The digits. Only a provider may read them.
    pub(crate) fn digits(&self) -> &str {
        &self.0
    }
}

impl FromStr for CardNumber {
    type Err = CardNumberError;

    /// Accepts spaces and hyphens between groups of digits, as people write them.
    fn from_str(text: &str) -> Result<Self, CardNumberError> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && (12..=19).contains(&digits.len()) {
            Ok(CardNumber(digits))
        } else {
            Err(CardNumberError)
        }
    }
}

impl TryFrom<String> for CardNumber {
    type Error = CardNumberError;

    fn try_from(text: String) -> Result<Self, CardNumberError> {
        text.parse()
    }
}

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_write_it_and_never_printed() {
        let card: CardNumber = "4242 4242-4242 4242".parse().unwrap();
        assert_eq!(card.digits(), "4242424242424242");
        assert!(!format!("{card:?}").contains("4242"));
        for bad in [
            "",
            "4242",
            "4242 4242 4242 424x",
            "١٢٣٤٥٦٧٨٩٠١٢٣",
            &"4".repeat(20),
        ] {
            assert_eq!(bad.parse::<CardNumber>(), Err(CardNumberError), "{bad}");
            let error = serde_json::from_value::<CardNumber>(bad.into()).unwrap_err();
            assert!(
                bad.is_empty() || !error.to_string().contains(bad),
                "{error}"
            );
        }
    }
}

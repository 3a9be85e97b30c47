//! X-Ray's trace header, which a request carries from the gateway to its function.

use std::time::{SystemTime, UNIX_EPOCH};

/// The header's name, in lower case.
pub(crate) const HEADER: &str = "x-amzn-trace-id";

/// The header of a new trace: `Root=1-{seconds}-{96 random bits}`.
pub(crate) fn new_header() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let random = fastrand::u128(..) >> 32;
    format!("Root=1-{now:08x}-{random:024x}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_new_trace_has_xrays_form() {
        let header = super::new_header();
        let parts: Vec<&str> = header
            .strip_prefix("Root=")
            .expect("Root")
            .split('-')
            .collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [1, 8, 24], "{header}");
        assert!(
            parts
                .iter()
                .all(|part| part.bytes().all(|b| b.is_ascii_hexdigit())),
            "{header}"
        );
    }
}

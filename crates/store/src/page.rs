//! Lists that are read a page at a time.

/// Part of a list.
#[derive(Debug, Clone)]
pub struct Page<T, P> {
    /// The entries of this page.
    pub items: Vec<T>,
    /// Where the next page starts, or `None` when this was the last.
    pub next: Option<P>,
}

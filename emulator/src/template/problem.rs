//! Mistakes in a template, with their places.

use std::fmt;
use std::path::{Path, PathBuf};

use super::position::Position;

/// A template that can't be run, and the place of its mistake.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("can't read the template {}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file can be read, but not run. It reads `template.yaml:LINE:COLUMN: expected X, found Y`.
    #[error("{}:{at}: {problem}", path.display())]
    Invalid {
        path: PathBuf,
        /// Line and column, from 1.
        at: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// A `--param` that doesn't fit the template's parameters.
    #[error("{0}")]
    Parameter(String),
}

/// A mistake at a place of the template. It becomes a [`TemplateError`] with the template's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(super) at: Position,
    message: String,
}

impl Problem {
    pub(super) fn new(at: Position, message: impl Into<String>) -> Self {
        Problem {
            at,
            message: message.into(),
        }
    }

    pub(super) fn expected(
        at: Position,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Problem {
            at,
            message: format!("expected {expected}, found {found}"),
        }
    }

    /// The mistake with the template's file name.
    pub(super) fn in_file(self, path: &Path) -> TemplateError {
        let file = path
            .file_name()
            .map_or_else(|| path.to_owned(), PathBuf::from);
        TemplateError::Invalid {
            path: file,
            at: self.at.to_string(),
            problem: self.message,
        }
    }
}

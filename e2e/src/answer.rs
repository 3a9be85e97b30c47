//! What the shop answered, with assertions that show all of it when they fail.

use std::fmt;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An HTTP answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, such as `GET /orders`.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; `null` when it is empty or something else.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// Reads an answer to its end.
    ///
    /// # Panics
    /// When it breaks off.
    pub async fn read(request: String, response: reqwest::Response) -> Answer {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await;
        let text = text.unwrap_or_else(|error| panic!("{request}: the answer broke off: {error}"));
        Answer {
            request,
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// The answer, given that it has this status.
    ///
    /// # Panics
    /// When it has another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// A header as text, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A member of the body that must be a text.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn text_of(&self, member: &str) -> &str {
        self.body[member]
            .as_str()
            .unwrap_or_else(|| panic!("no text {member:?} in {self}"))
    }

    /// Asserts that this is a problem document with this status, and that it tells a shopper
    /// nothing technical.
    ///
    /// # Panics
    /// When it is anything else.
    #[track_caller]
    pub fn expect_problem(self, status: u16) -> Answer {
        let answer = self.expect(status);
        let content_type = answer.header("content-type");
        assert_eq!(content_type, Some("application/problem+json"), "{answer}");
        assert_eq!(answer.body["status"], status, "{answer}");
        for member in ["type", "title", "detail"] {
            assert!(!answer.text_of(member).is_empty(), "{answer}");
        }
        let technical = [
            "panicked", ".rs:", "dynamo", "sqs", "serde", "arn:", "at line", "Error(",
        ];
        for word in technical {
            assert!(
                !answer.text.contains(word),
                "{word:?} is technical: {answer}"
            );
        }
        answer
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} answered {}: {}",
            self.request, self.status, self.text
        )
    }
}

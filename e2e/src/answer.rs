//! An answer of the shop, with assertions that print the whole answer if they fail.

use std::fmt;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An HTTP answer with its whole body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, such as `GET /orders`.
    pub request: String,
    pub status: u16,
    pub headers: HeaderMap,
    /// The body as JSON. It is `null` if the body is empty or not JSON.
    pub body: Value,
    pub text: String,
}

impl Answer {
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

    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self}");
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A member of the body, which must be a string.
    #[track_caller]
    pub fn text_of(&self, member: &str) -> &str {
        self.body[member]
            .as_str()
            .unwrap_or_else(|| panic!("no text {member:?} in {self}"))
    }

    /// Asserts that this is a problem document with this status and without technical details.
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

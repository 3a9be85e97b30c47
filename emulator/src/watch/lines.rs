//! What the functions' log lines tell: batches that were decided, warnings and errors.

use serde::Deserialize;

use super::Watch;
use super::batches::Decided;
use super::troubles::Level;

const BATCH_DECIDED: &str = "batch decided";
/// Most lines tell nothing of interest here, and are not worth reading as JSON.
const SIGNS: [&str; 3] = [BATCH_DECIDED, r#""WARN""#, r#""ERROR""#];

#[derive(Debug, Deserialize)]
struct Line {
    level: String,
    message: String,
    #[serde(default)]
    request_id: String,
    order_id: Option<String>,
    error: Option<String>,
    #[serde(flatten)]
    decided: Decided,
}

impl Watch {
    /// Looks at a line that a function printed. A line that isn't what it seems is left alone.
    pub(crate) fn line(&self, function: &str, text: &str) {
        if !text.starts_with('{') || !SIGNS.iter().any(|sign| text.contains(sign)) {
            return;
        }
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            return;
        };
        if line.message == BATCH_DECIDED {
            self.batches.decided(&line.request_id, line.decided);
        }
        let level = match line.level.as_str() {
            "WARN" => Level::Warning,
            "ERROR" => Level::Error,
            _ => return,
        };
        let (error, order_id) = (line.error.as_deref(), line.order_id.as_deref());
        self.troubles
            .add(function, level, &line.message, error, order_id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::template::HttpApi;

    #[test]
    fn lines_tell_of_batches_and_troubles() {
        let watch = Watch::new(&HttpApi::default(), false);
        watch.batches.began("Decide", "r-1", 4, 0);
        let lines = [
            json!({"level": "INFO", "message": "batch decided", "request_id": "r-1", "size": 4, "accepted": 3,
                "rejected": 1, "duplicates": 0, "ms": 9}),
            json!({"level": "ERROR", "message": "no answer", "error": "timeout", "order_id": "o-1"}),
            json!({"level": "INFO", "message": "they said \"WARN\""}),
            json!({"level": "WARN"}),
            json!({"level": "INFO", "message": "batch decided", "accepted": -1, "request_id": "r-1"}),
        ];
        for line in lines {
            watch.line("Decide", &line.to_string());
        }
        watch.line("Decide", "{ \"WARN\" and no more");
        watch.line("Decide", "batch decided");
        let batches = serde_json::to_value(watch.batches.report()).expect("JSON");
        assert_eq!(
            batches["recent"][0]["decided"],
            json!({"accepted": 3, "rejected": 1, "duplicates": 0})
        );
        assert_eq!(batches["decided"]["accepted"], 3);
        let troubles: Value = serde_json::to_value(watch.troubles.report()).expect("JSON");
        assert_eq!(
            (&troubles["errors"], &troubles["warnings"]),
            (&json!(1), &json!(0))
        );
        assert_eq!(troubles["recent"][0]["error"], "timeout");
        assert_eq!(troubles["recent"][0]["order_id"], "o-1");
    }
}

//! Keeps the messages of the queues in a file, because the queue engine itself keeps nothing.
//!
//! A sent message is written before its sender gets the answer, a deleted one is removed, and the rest is sent again at
//! the next start. A message may then come twice and has a new id, as SQS's at-least-once delivery allows; one that had
//! moved to a dead-letter queue starts over in its first queue, with which it is also purged.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_http::body::SqsResponseBody;
use rustack_sqs_http::dispatch::SqsHandler as _;
use rustack_sqs_model::error::SqsError;
use rustack_sqs_model::input::{
    DeleteMessageBatchInput, DeleteMessageInput, DeleteQueueInput, PurgeQueueInput,
    SendMessageBatchInput, SendMessageInput,
};
use rustack_sqs_model::operations::SqsOperation;
use rustack_sqs_model::output::{SendMessageBatchOutput, SendMessageOutput};
use serde::Deserialize;

use super::request::queue_name;

type Answer = hyper::Response<SqsResponseBody>;

/// The file of messages that are sent and not deleted.
#[derive(Debug)]
pub(super) struct Journal {
    database: Mutex<Connection>,
}

/// A change that a successful call makes in the file.
enum Entry {
    Sent(Vec<Sent>),
    /// Message ids.
    Deleted(Vec<String>),
    /// A queue's name.
    Emptied(String),
    Nothing,
}

struct Sent {
    message_id: String,
    input: SendMessageInput,
}

/// A message of an earlier run.
struct Kept {
    message_id: String,
    /// Seconds since the epoch before which it is delayed.
    due: i64,
    /// The SendMessage request.
    request: String,
}

impl Journal {
    pub(super) fn open(file: &Path) -> anyhow::Result<Self> {
        let open = || -> rusqlite::Result<Connection> {
            let database = Connection::open(file)?;
            // Without syncing, a killed emulator loses nothing; only a power cut may lose the last moments.
            database.pragma_update(None, "journal_mode", "WAL")?;
            database.pragma_update(None, "synchronous", "OFF")?;
            database.execute_batch(
                "CREATE TABLE IF NOT EXISTS messages (
                     message_id TEXT PRIMARY KEY,
                     queue TEXT NOT NULL,
                     -- Seconds since the epoch before which the message is delayed.
                     due INTEGER NOT NULL,
                     -- The SendMessage request.
                     request TEXT NOT NULL
                 ) STRICT",
            )?;
            Ok(database)
        };
        let database = open().with_context(|| format!("can't open {}", file.display()))?;
        Ok(Journal {
            database: Mutex::new(database),
        })
    }

    /// Passes the call to the engine and writes the change that it made.
    pub(super) async fn record(
        &self,
        operation: SqsOperation,
        body: Bytes,
        handler: &RustackSqsHandler,
    ) -> Result<Answer, SqsError> {
        let request = body.clone();
        let answer = handler.handle_operation(operation, body).await?;
        if !changes_messages(operation) {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        // The body is in memory, so collecting it can't fail.
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        self.write(entry(operation, &request, &body))
            .map_err(|error| {
                SqsError::internal_error(format!("the message was not kept: {error}"))
            })?;
        Ok(Answer::from_parts(parts, SqsResponseBody::from_bytes(body)))
    }

    /// Sends the messages of an earlier run again, oldest first, and returns their number. Messages that can't be sent
    /// stay in the file.
    pub(super) async fn restore(&self, handler: &RustackSqsHandler) -> anyhow::Result<usize> {
        let mut restored = 0;
        for kept in self.kept()? {
            match self.send_again(&kept, handler).await {
                Ok(()) => restored += 1,
                Err(error) => {
                    tracing::warn!(id = kept.message_id, %error, "a kept message can't be sent again");
                }
            }
        }
        Ok(restored)
    }

    /// The message is in the file under its new id before the old one is removed: after a stop in between it is there
    /// twice rather than not at all.
    async fn send_again(&self, kept: &Kept, handler: &RustackSqsHandler) -> anyhow::Result<()> {
        let mut input: SendMessageInput = serde_json::from_str(&kept.request)?;
        let delay = (kept.due - Timestamp::now().as_second()).max(0);
        input.delay_seconds = Some(delay.try_into().unwrap_or(i32::MAX));
        let body = Bytes::from(serde_json::to_vec(&input)?);
        self.record(SqsOperation::SendMessage, body, handler)
            .await?;
        self.write(Entry::Deleted(vec![kept.message_id.clone()]))?;
        Ok(())
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, entry: Entry) -> rusqlite::Result<()> {
        let mut database = self.database();
        let transaction = database.transaction()?;
        match entry {
            Entry::Sent(messages) => {
                for message in messages {
                    insert(&transaction, &message)?;
                }
            }
            Entry::Deleted(ids) => {
                let mut delete =
                    transaction.prepare_cached("DELETE FROM messages WHERE message_id = ?1")?;
                for id in ids {
                    delete.execute([id])?;
                }
            }
            Entry::Emptied(queue) => {
                transaction.execute("DELETE FROM messages WHERE queue = ?1", [queue])?;
            }
            Entry::Nothing => {}
        }
        transaction.commit()
    }

    /// Every message, oldest first.
    fn kept(&self) -> rusqlite::Result<Vec<Kept>> {
        self.database()
            .prepare("SELECT message_id, due, request FROM messages ORDER BY rowid")?
            .query_map([], |row| {
                Ok(Kept {
                    message_id: row.get(0)?,
                    due: row.get(1)?,
                    request: row.get(2)?,
                })
            })?
            .collect()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.database()
            .query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
            .expect("a count")
    }
}

fn insert(database: &Connection, message: &Sent) -> rusqlite::Result<()> {
    let delay = i64::from(message.input.delay_seconds.unwrap_or(0));
    let request = serde_json::to_string(&message.input)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    database
        .prepare_cached("INSERT OR REPLACE INTO messages VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            message.message_id,
            queue_name(&message.input.queue_url),
            Timestamp::now().as_second() + delay,
            request,
        ])?;
    Ok(())
}

fn changes_messages(operation: SqsOperation) -> bool {
    use SqsOperation as Op;
    matches!(
        operation,
        Op::SendMessage
            | Op::SendMessageBatch
            | Op::DeleteMessage
            | Op::DeleteMessageBatch
            | Op::PurgeQueue
            | Op::DeleteQueue
    )
}

/// The engine has understood the request, so reading it again succeeds.
fn entry(operation: SqsOperation, request: &[u8], answer: &[u8]) -> Entry {
    let entry = match operation {
        SqsOperation::SendMessage => sent(request, answer),
        SqsOperation::SendMessageBatch => sent_batch(request, answer),
        SqsOperation::DeleteMessage => read(request).map(|input: DeleteMessageInput| {
            Entry::Deleted(message_id(&input.receipt_handle).into_iter().collect())
        }),
        SqsOperation::DeleteMessageBatch => read(request).map(|input: DeleteMessageBatchInput| {
            let handles = input.entries.iter();
            Entry::Deleted(
                handles
                    .filter_map(|entry| message_id(&entry.receipt_handle))
                    .collect(),
            )
        }),
        SqsOperation::PurgeQueue => read(request)
            .map(|input: PurgeQueueInput| Entry::Emptied(queue_name(&input.queue_url).to_owned())),
        SqsOperation::DeleteQueue => read(request)
            .map(|input: DeleteQueueInput| Entry::Emptied(queue_name(&input.queue_url).to_owned())),
        _ => None,
    };
    entry.unwrap_or(Entry::Nothing)
}

fn sent(request: &[u8], answer: &[u8]) -> Option<Entry> {
    let answer: SendMessageOutput = read(answer)?;
    Some(Entry::Sent(vec![Sent {
        message_id: answer.message_id?,
        input: read(request)?,
    }]))
}

fn sent_batch(request: &[u8], answer: &[u8]) -> Option<Entry> {
    let request: SendMessageBatchInput = read(request)?;
    let answer: SendMessageBatchOutput = read(answer)?;
    let mut messages = Vec::new();
    for taken in answer.successful {
        let entry = request
            .entries
            .iter()
            .find(|entry| entry.id == taken.id)?
            .clone();
        let input = SendMessageInput {
            queue_url: request.queue_url.clone(),
            message_body: entry.message_body,
            delay_seconds: entry.delay_seconds,
            message_deduplication_id: entry.message_deduplication_id,
            message_group_id: entry.message_group_id,
            message_attributes: entry.message_attributes,
            message_system_attributes: entry.message_system_attributes,
        };
        messages.push(Sent {
            message_id: taken.message_id,
            input,
        });
    }
    Some(Entry::Sent(messages))
}

fn read<T: for<'a> Deserialize<'a>>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

/// The engine's receipt handles are `MESSAGE_ID:…` in base64.
fn message_id(receipt_handle: &str) -> Option<String> {
    let decoded = STANDARD.decode(receipt_handle).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(id, _)| id.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustack_sqs_core::config::SqsConfig;
    use rustack_sqs_core::provider::RustackSqs;
    use serde_json::{Value, json};

    use super::*;

    const URL: &str = "http://localhost:4566/000000000000/q";

    async fn queue() -> RustackSqsHandler {
        let handler = RustackSqsHandler::new(Arc::new(RustackSqs::new(SqsConfig::default())));
        let body = Bytes::from(json!({ "QueueName": "q" }).to_string());
        handler
            .handle_operation(SqsOperation::CreateQueue, body)
            .await
            .expect("a queue");
        handler
    }

    async fn call(
        journal: &Journal,
        handler: &RustackSqsHandler,
        operation: SqsOperation,
        body: Value,
    ) -> Value {
        let answer = journal
            .record(operation, Bytes::from(body.to_string()), handler)
            .await
            .expect("an answer");
        let bytes = answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    #[tokio::test]
    async fn what_was_sent_and_not_deleted_is_sent_again() {
        let journal = Journal::open(Path::new(":memory:")).expect("a journal");
        let first = queue().await;
        let entries = json!([
            { "Id": "a", "MessageBody": "one" },
            { "Id": "b", "MessageBody": "two" },
        ]);
        let body = json!({ "QueueUrl": URL, "Entries": entries });
        call(&journal, &first, SqsOperation::SendMessageBatch, body).await;
        send(&journal, &first, &["three"]).await;
        let body = json!({ "QueueUrl": URL, "MaxNumberOfMessages": 1 });
        let received = call(&journal, &first, SqsOperation::ReceiveMessage, body).await;
        let handle = &received["Messages"][0]["ReceiptHandle"];
        let body = json!({ "QueueUrl": URL, "ReceiptHandle": handle });
        call(&journal, &first, SqsOperation::DeleteMessage, body).await;
        assert_eq!(journal.len(), 2);

        let second = queue().await;
        assert_eq!(journal.restore(&second).await.expect("restored"), 2);
        assert_eq!(
            journal.len(),
            2,
            "restored messages are kept until they are deleted"
        );
        assert_eq!(bodies(&journal, &second).await, ["two", "three"]);
    }

    #[tokio::test]
    async fn who_stops_while_messages_are_sent_again_loses_none() {
        let journal = Journal::open(Path::new(":memory:")).expect("a journal");
        send(&journal, &queue().await, &["one", "two", "three"]).await;

        // The first step of it and no more.
        let stopped = queue().await;
        tokio::select! {
            biased;
            _ = journal.restore(&stopped) => {}
            () = std::future::ready(()) => {}
        }
        let again = queue().await;
        assert!(journal.restore(&again).await.expect("restored") >= 3);
        let found = bodies(&journal, &again).await;
        for body in ["one", "two", "three"] {
            assert!(found.iter().any(|it| it == body), "{body} in {found:?}");
        }
    }

    #[tokio::test]
    async fn a_message_that_cannot_be_sent_again_holds_no_other_up() {
        let journal = Journal::open(Path::new(":memory:")).expect("a journal");
        let first = queue().await;
        send(&journal, &first, &["one"]).await;
        let nowhere = json!({ "QueueUrl": format!("{URL}-gone"), "MessageBody": "no queue" });
        for (id, request) in [("nonsense", "{"), ("nowhere", &nowhere.to_string())] {
            let row = params![id, "q", 0, request];
            let insert = "INSERT INTO messages VALUES (?1, ?2, ?3, ?4)";
            journal.database().execute(insert, row).expect("a row");
        }
        send(&journal, &first, &["two"]).await;

        let second = queue().await;
        assert_eq!(journal.restore(&second).await.expect("restored"), 2);
        assert_eq!(bodies(&journal, &second).await, ["one", "two"]);
        assert_eq!(journal.len(), 4, "an unsent message is kept");
    }

    async fn send(journal: &Journal, handler: &RustackSqsHandler, bodies: &[&str]) {
        for body in bodies {
            let message = json!({ "QueueUrl": URL, "MessageBody": body });
            call(journal, handler, SqsOperation::SendMessage, message).await;
        }
    }

    async fn bodies(journal: &Journal, handler: &RustackSqsHandler) -> Vec<String> {
        let body = json!({ "QueueUrl": URL, "MaxNumberOfMessages": 10 });
        let received = call(journal, handler, SqsOperation::ReceiveMessage, body).await;
        let messages = received["Messages"].as_array().expect("messages");
        let bodies = messages
            .iter()
            .filter_map(|message| message["Body"].as_str());
        bodies.map(str::to_owned).collect()
    }
}

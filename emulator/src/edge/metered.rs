//! Calls of the services, with what they mean for the bill.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::response::Response;

use super::DataServices;
use super::aws::Call;
use crate::meter::capacity::{self, Capacity};
use crate::meter::{self, Ending, Entry};
use crate::realism::Refusal;
use crate::request::{Request, Service};

/// A service's answer.
pub(super) struct Answer {
    pub(super) response: Response,
    ending: Ending,
    capacity: Capacity,
    /// Requests that SQS bills.
    billed_requests: u64,
}

impl Answer {
    fn new(response: Response, ending: Ending) -> Self {
        Answer {
            response,
            ending,
            capacity: Capacity::default(),
            billed_requests: 0,
        }
    }

    /// DynamoDB's, with what it charges for a failed attempt.
    fn failed(
        response: Response,
        ending: Ending,
        operation: &str,
        request: Option<&Request<'_>>,
    ) -> Self {
        let attempted = request.map(|request| capacity::attempted(operation, request, ending));
        Answer {
            capacity: attempted.unwrap_or_default(),
            ..Answer::new(response, ending)
        }
    }

    /// The simulation's, instead of DynamoDB's.
    pub(super) fn refused(
        refusal: &Refusal,
        operation: &str,
        request: Option<&Request<'_>>,
    ) -> Self {
        Answer::failed(refusal.response(), refusal.ending(), operation, request)
    }

    /// For the meter.
    pub(super) fn entry(&self, took: Duration) -> Entry {
        Entry {
            ending: self.ending,
            capacity: self.capacity,
            billed_requests: self.billed_requests,
            took,
        }
    }
}

impl DataServices {
    pub(super) async fn call(&self, call: Call, request: Option<&Request<'_>>) -> Answer {
        match call.service {
            Service::DynamoDb => self.call_dynamodb(call, request).await,
            Service::Sqs => self.call_sqs(call).await,
        }
    }

    async fn call_dynamodb(&self, call: Call, request: Option<&Request<'_>>) -> Answer {
        let operation = call.operation.clone();
        let ask = capacity::is_told_by(&operation)
            && request.is_some_and(|request| !request.speaks_of_capacity());
        let body = match ask {
            true => capacity::ask(call.body.clone()),
            false => capacity::unasked(call.body.clone()),
        };
        let mut answer = match self.dynamodb.call(call, body).await {
            Ok(answer) => answer,
            Err(response) => return Answer::new(response, Ending::OtherFailure),
        };
        if !answer.status().is_success() {
            let ending = Ending::of_failure(answer.body());
            return Answer::failed(answer.map(Body::from), ending, &operation, request);
        }
        let told = capacity::told(&operation, &mut answer, ask);
        Answer {
            capacity: told.unwrap_or_default(),
            ..Answer::new(answer.map(Body::from), Ending::Success)
        }
    }

    async fn call_sqs(&self, call: Call) -> Answer {
        let request_bytes = call.body.len();
        let response = self.sqs.call(call).await;
        // The engine's answers are in memory, so this is their size.
        let answer_bytes = response.body().size_hint().lower();
        let answer_bytes = usize::try_from(answer_bytes).unwrap_or(usize::MAX);
        let ending = match response.status().is_success() {
            true => Ending::Success,
            false => Ending::OtherFailure,
        };
        Answer {
            billed_requests: meter::sqs_requests(request_bytes, answer_bytes),
            ..Answer::new(response, ending)
        }
    }
}

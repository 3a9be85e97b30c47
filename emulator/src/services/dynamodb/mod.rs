//! DynamoDB: an engine, the capacity that calls consume, and AWS's latency, contention and throttling on demand.

mod capacity;
mod contention;
mod engine;
mod failure;
mod latency;
mod refusal;
mod request;
mod simulation;
mod statement;
mod statements;
mod tables;
mod throttling;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;

use super::call::{Answer, Call, Service};
use super::settings::Settings;
use crate::aws_error::AMZ_JSON;
use crate::caller::Caller;
use crate::meter::{Capacity, Consumption, Ending};
use engine::Engine;
use request::Request;
use simulation::{Simulation, Verdict};
use statements::RefusedStatements;
pub(super) use tables::create_tables;

/// The database's name in the data directory.
const FILE: &str = "dynamodb.sqlite";

#[derive(Debug)]
pub(super) struct DynamoDb {
    engine: Engine,
    simulation: Option<Simulation>,
}

impl DynamoDb {
    pub(super) async fn start(settings: &Settings<'_>) -> anyhow::Result<Self> {
        let file = settings.data_dir.map(|folder| folder.join(FILE));
        Ok(DynamoDb {
            engine: Engine::start(file.as_deref()).await?,
            simulation: Simulation::new(settings.realism, settings.tables),
        })
    }

    async fn answer_call<'a>(&self, call: &'a Call) -> Answer<'a> {
        let request = Request::read(&call.operation, &call.body);
        let (response, consumption) = match &self.simulation {
            Some(simulation) if call.caller != Caller::Emulator => {
                self.simulate(simulation, call, request.as_ref()).await
            }
            _ => {
                self.call_engine(call, call.body.clone(), request.as_ref())
                    .await
            }
        };
        Answer {
            response,
            consumption,
            permissions: request
                .map(|request| request.permissions())
                .unwrap_or_default(),
        }
    }

    /// Answers after as long as AWS would take, and refuses the calls that AWS would refuse.
    async fn simulate(
        &self,
        simulation: &Simulation,
        call: &Call,
        request: Option<&Request<'_>>,
    ) -> (Response, Consumption) {
        let admission = simulation.admit(&call.operation, request, call.body.len());
        let answer = match &admission.verdict {
            Verdict::Refused(refusal) => {
                let ending = refusal.ending();
                (refusal.response(), failed(ending, &call.operation, request))
            }
            Verdict::PartlyRefused(refused) => self.call_with_rest(call, refused).await,
            Verdict::Admitted => self.call_engine(call, call.body.clone(), request).await,
        };
        simulation.charge_reads(&admission, answer.1.capacity.read);
        admission.complete().await;
        answer
    }

    /// Lets the engine answer the statements that are not refused.
    async fn call_with_rest(
        &self,
        call: &Call,
        refused: &RefusedStatements,
    ) -> (Response, Consumption) {
        let rest = refused.without(&call.body).unwrap_or_default();
        let (mut answer, mut consumption) = match refused.all() {
            true => {
                let mut nothing = axum::http::Response::new(Bytes::from_static(b"{}"));
                nothing.headers_mut().insert(CONTENT_TYPE, AMZ_JSON);
                (nothing, Consumption::of(refused.ending()))
            }
            false => {
                let request = Request::read(&call.operation, &rest);
                let (response, consumption) =
                    self.call_engine(call, rest.clone(), request.as_ref()).await;
                (in_memory(response).await, consumption)
            }
        };
        if answer.status().is_success()
            && let Ok(whole) = refused.with(answer.body())
        {
            capacity::set_body(&mut answer, whole);
            consumption.ending = refused.ending();
        }
        (answer.map(Body::from), consumption)
    }

    async fn call_engine(
        &self,
        call: &Call,
        body: Bytes,
        request: Option<&Request<'_>>,
    ) -> (Response, Consumption) {
        let operation = call.operation.as_str();
        // The answer has to hold the capacity; unless the caller asked for it, it is removed again.
        let add = capacity::is_reported_by(operation)
            && request.is_some_and(|request| !request.mentions_capacity());
        let body = match add {
            true => capacity::request_capacity(body),
            false => capacity::unchanged(body),
        };
        let mut answer = match self.engine.call(call, body).await {
            Ok(answer) => answer,
            Err(response) => return (response, Consumption::of(Ending::OtherFailure)),
        };
        if !answer.status().is_success() {
            let ending = failure::ending(answer.body());
            return (answer.map(Body::from), failed(ending, operation, request));
        }
        let capacity = request.map(|request| {
            capacity::read(operation, request, &mut answer, add)
                .unwrap_or_else(|| capacity::of_failed_statements(request, answer.body()))
        });
        let consumption = Consumption {
            capacity: capacity.unwrap_or_default(),
            ..Consumption::of(Ending::Success)
        };
        (answer.map(Body::from), consumption)
    }
}

/// The engine's answers are in memory, so collecting one can't fail.
async fn in_memory(response: Response) -> axum::http::Response<Bytes> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    axum::http::Response::from_parts(parts, body)
}

/// The consumption of a failed call: DynamoDB charges for some attempts.
fn failed(ending: Ending, operation: &str, request: Option<&Request<'_>>) -> Consumption {
    Consumption {
        capacity: request.map_or_else(Capacity::default, |request| {
            capacity::of_attempt(operation, request, ending)
        }),
        ..Consumption::of(ending)
    }
}

impl Service for DynamoDb {
    fn prefix(&self) -> &'static str {
        "dynamodb"
    }

    fn targets(&self) -> &'static [&'static str] {
        &["DynamoDB_20120810", "DynamoDBStreams_20120810"]
    }

    fn answer<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Answer<'a>> {
        Box::pin(self.answer_call(call))
    }

    /// The tables are in the engine's own file.
    fn restore(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn shut_down(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.engine.shut_down())
    }
}

//! A buffer of finished spans that are to be sent to the collector.
//!
//! Sending never fails or delays a request: spans wait in bounded memory and are sent between invocations,
//! within a bounded time. If the collector is down, slow or refuses them, they are dropped and counted, and
//! nothing is sent to it for a while.

use std::env;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tokio::time::{Instant, sleep_until, timeout};

use crate::metrics::METRICS;

/// The capacity of the buffer; spans beyond it are dropped. A batch of 1,000 checkouts makes some 1,100.
const CAPACITY: usize = 4_096;

/// How long one sending may take, unless `OTEL_EXPORTER_OTLP_TIMEOUT` is set. It is short because the function
/// gets no invocation in the meantime. A collector beside the function answers in a millisecond or two.
const TIMEOUT: Duration = Duration::from_millis(100);

/// How long nothing is sent to a collector that failed.
const PAUSE: Duration = Duration::from_secs(30);

/// Finished spans and the exporter that sends them. Clones share one buffer.
#[derive(Debug)]
pub(crate) struct SpanBuffer<E>(Arc<Inner<E>>);

#[derive(Debug)]
struct Inner<E> {
    exporter: E,
    timeout: Duration,
    /// The shortest time between two sendings. It is zero on AWS, where the process may be frozen after every
    /// invocation. Elsewhere it is longer: sending many spans together is cheaper.
    delay: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    waiting: Vec<SpanData>,
    /// The earliest time of the next sending.
    not_before: Instant,
    /// Whether a task waits for that time.
    scheduled: bool,
    /// Spans dropped since the metric was last logged.
    dropped: usize,
    /// Whether the failure of the collector was logged. Each process logs it once.
    failure_logged: bool,
}

impl<E> Clone for SpanBuffer<E> {
    fn clone(&self) -> Self {
        SpanBuffer(self.0.clone())
    }
}

impl<E: SpanExporter + 'static> SpanBuffer<E> {
    /// A buffer configured by `OTEL_EXPORTER_OTLP_TIMEOUT` and `OTEL_BSP_SCHEDULE_DELAY`, both in milliseconds.
    pub(crate) fn from_env(exporter: E) -> SpanBuffer<E> {
        let milliseconds = |name| Some(Duration::from_millis(env::var(name).ok()?.parse().ok()?));
        let timeout = milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT").unwrap_or(TIMEOUT);
        let delay = milliseconds("OTEL_BSP_SCHEDULE_DELAY").unwrap_or_default();
        SpanBuffer::new(exporter, timeout, delay)
    }

    fn new(exporter: E, timeout: Duration, delay: Duration) -> SpanBuffer<E> {
        let state = State {
            waiting: Vec::new(),
            not_before: Instant::now(),
            scheduled: false,
            dropped: 0,
            failure_logged: false,
        };
        SpanBuffer(Arc::new(Inner {
            exporter,
            timeout,
            delay,
            state: Mutex::new(state),
        }))
    }

    /// Sends the waiting spans: at once, or by a task if the last sending was too short a time ago.
    pub(crate) async fn flush(&self) {
        let now = Instant::now();
        let due = {
            let mut state = self.state();
            if state.waiting.is_empty() || state.scheduled {
                return;
            }
            state.scheduled = state.not_before > now;
            state.not_before
        };
        if due <= now {
            return self.send().await;
        }
        let buffer = self.clone();
        tokio::spawn(async move {
            sleep_until(due).await;
            buffer.state().scheduled = false;
            buffer.send().await;
        });
    }

    async fn send(&self) {
        let spans = {
            let mut state = self.state();
            state.not_before = Instant::now() + self.0.delay;
            std::mem::take(&mut state.waiting)
        };
        let count = spans.len();
        let failure = match timeout(self.0.timeout, self.0.exporter.export(spans)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer in {} ms", self.0.timeout.as_millis())),
        };
        if let Some(error) = failure {
            self.record_failure(count, &error);
        }
        let dropped = std::mem::take(&mut self.state().dropped);
        if dropped > 0 {
            tracing::info!(target: METRICS, dropped_spans = dropped, "spans dropped");
        }
    }

    fn record_failure(&self, count: usize, error: &str) {
        let already_logged = {
            let mut state = self.state();
            state.dropped += count;
            state.not_before = Instant::now() + PAUSE;
            std::mem::replace(&mut state.failure_logged, true)
        };
        if !already_logged {
            tracing::warn!(error, "the collector fails; spans are dropped and counted");
        }
    }
}

impl<E> SpanBuffer<E> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: SpanExporter + 'static> SpanProcessor for SpanBuffer<E> {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut state = self.state();
        if state.waiting.len() < CAPACITY {
            state.waiting.push(span);
        } else {
            state.dropped += 1;
        }
    }

    /// Does nothing: sending is asynchronous, and [`SpanBuffer::flush`] does it.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::error::OTelSdkError;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    /// A collector that behaves as the test says, and counts.
    #[derive(Debug, Clone)]
    struct TestCollector {
        behaviour: Behaviour,
        calls: Arc<AtomicUsize>,
        accepted: Arc<AtomicUsize>,
    }

    #[derive(Debug, Clone, Copy)]
    enum Behaviour {
        Accepting,
        Refusing,
        Silent,
    }

    impl SpanExporter for TestCollector {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.calls.fetch_add(1, Ordering::Relaxed);
            match self.behaviour {
                Behaviour::Accepting => {
                    self.accepted.fetch_add(batch.len(), Ordering::Relaxed);
                    Ok(())
                }
                Behaviour::Refusing => Err(OTelSdkError::InternalFailure("full".to_owned())),
                Behaviour::Silent => pending().await,
            }
        }
    }

    struct Test {
        buffer: SpanBuffer<TestCollector>,
        collector: TestCollector,
        provider: SdkTracerProvider,
    }

    impl Test {
        fn new(behaviour: Behaviour, delay: Duration) -> Test {
            let collector = TestCollector {
                behaviour,
                calls: Arc::default(),
                accepted: Arc::default(),
            };
            let buffer = SpanBuffer::new(collector.clone(), TIMEOUT, delay);
            let provider = SdkTracerProvider::builder()
                .with_span_processor(buffer.clone())
                .build();
            Test {
                buffer,
                collector,
                provider,
            }
        }

        fn finish(&self, spans: usize) {
            let tracer = self.provider.tracer("test");
            for _ in 0..spans {
                drop(tracer.start("work"));
            }
        }

        fn calls(&self) -> usize {
            self.collector.calls.load(Ordering::Relaxed)
        }

        fn accepted(&self) -> usize {
            self.collector.accepted.load(Ordering::Relaxed)
        }

        fn failure_logged(&self) -> bool {
            self.buffer.state().failure_logged
        }
    }

    #[tokio::test(start_paused = true)]
    async fn spans_are_sent_when_the_invocation_is_over() {
        let test = Test::new(Behaviour::Accepting, Duration::ZERO);
        test.buffer.flush().await;
        assert_eq!(test.calls(), 0, "nothing to send");
        test.finish(3);
        assert_eq!(test.calls(), 0, "not while the request waits");
        test.buffer.flush().await;
        test.finish(1);
        test.buffer.flush().await;
        assert_eq!((test.calls(), test.accepted()), (2, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_delay_the_spans_of_many_invocations_are_sent_together() {
        let delay = Duration::from_millis(500);
        let test = Test::new(Behaviour::Accepting, delay);
        for _ in 0..10 {
            test.finish(1);
            test.buffer.flush().await;
        }
        assert_eq!(
            (test.calls(), test.accepted()),
            (1, 1),
            "the first, at once"
        );
        tokio::time::sleep(delay * 2).await;
        assert_eq!((test.calls(), test.accepted()), (2, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_collector_costs_a_bounded_time_and_gets_nothing_for_a_while() {
        for behaviour in [Behaviour::Refusing, Behaviour::Silent] {
            let test = Test::new(behaviour, Duration::ZERO);
            let before = Instant::now();
            for _ in 0..100 {
                test.finish(1);
                test.buffer.flush().await;
            }
            assert!(before.elapsed() <= TIMEOUT * 2, "{:?}", before.elapsed());
            assert_eq!(test.calls(), 1, "{behaviour:?}");
            assert!(test.failure_logged());
            tokio::time::sleep(PAUSE * 2).await;
            assert_eq!(test.calls(), 2, "{behaviour:?}: it is tried again");
            assert_eq!(test.buffer.state().waiting.len(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_dropped_spans_are_counted() {
        let test = Test::new(Behaviour::Accepting, Duration::ZERO);
        test.finish(CAPACITY + 7);
        assert_eq!(test.buffer.state().waiting.len(), CAPACITY);
        assert_eq!(test.buffer.state().dropped, 7);
        test.buffer.flush().await;
        assert_eq!(test.accepted(), CAPACITY);
        assert_eq!(test.buffer.state().dropped, 0, "logged as a metric");
    }
}

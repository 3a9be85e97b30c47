//! Finished spans on their way to the collector.
//!
//! Nothing here ever fails or holds up a request: spans wait in bounded memory and are sent between
//! invocations, within a bounded time. When the collector is down, slow or refuses, they are dropped
//! and counted, and it is left alone for a while.

use std::env;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tokio::time::{Instant, sleep_until, timeout};

use crate::metrics::METRICS;

/// Spans that wait at most; more are dropped. A batch of 1,000 checkouts makes some 1,100.
const MOST_WAITING: usize = 4_096;

/// How long sending may take, unless `OTEL_EXPORTER_OTLP_TIMEOUT` says otherwise: the function can't
/// take its next invocation in the meantime. A collector beside the function answers in a
/// millisecond or two.
const TIMEOUT: Duration = Duration::from_millis(100);

/// How long a collector that failed is left alone.
const PAUSE: Duration = Duration::from_secs(30);

/// Spans that wait, and the way they go.
#[derive(Debug)]
pub(crate) struct Outbox<E>(Arc<Inner<E>>);

#[derive(Debug)]
struct Inner<E> {
    exporter: E,
    timeout: Duration,
    /// The shortest time between two sendings. Zero where a process may be frozen after every
    /// invocation, as on AWS; where it is not, sending many spans together is cheaper.
    delay: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    waiting: Vec<SpanData>,
    /// Nothing is sent before.
    not_before: Instant,
    /// Whether a task waits for that time.
    awaited: bool,
    /// Spans dropped since that was last counted.
    dropped: usize,
    /// Whether it was told that the collector fails: once is enough.
    told: bool,
}

impl<E> Clone for Outbox<E> {
    fn clone(&self) -> Self {
        Outbox(self.0.clone())
    }
}

impl<E: SpanExporter + 'static> Outbox<E> {
    /// An outbox as the environment wants it: `OTEL_EXPORTER_OTLP_TIMEOUT` and
    /// `OTEL_BSP_SCHEDULE_DELAY`, both in milliseconds.
    pub(crate) fn from_env(exporter: E) -> Outbox<E> {
        let milliseconds = |name| Some(Duration::from_millis(env::var(name).ok()?.parse().ok()?));
        let timeout = milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT").unwrap_or(TIMEOUT);
        let delay = milliseconds("OTEL_BSP_SCHEDULE_DELAY").unwrap_or_default();
        Outbox::new(exporter, timeout, delay)
    }

    fn new(exporter: E, timeout: Duration, delay: Duration) -> Outbox<E> {
        let state = State {
            waiting: Vec::new(),
            not_before: Instant::now(),
            awaited: false,
            dropped: 0,
            told: false,
        };
        Outbox(Arc::new(Inner {
            exporter,
            timeout,
            delay,
            state: Mutex::new(state),
        }))
    }

    /// Sends what waits, at once or, if that is too soon after the last time, by and by.
    pub(crate) async fn flush(&self) {
        let now = Instant::now();
        let due = {
            let mut state = self.state();
            if state.waiting.is_empty() || state.awaited {
                return;
            }
            state.awaited = state.not_before > now;
            state.not_before
        };
        if due <= now {
            return self.send().await;
        }
        let outbox = self.clone();
        tokio::spawn(async move {
            sleep_until(due).await;
            outbox.state().awaited = false;
            outbox.send().await;
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
            self.failed(count, &error);
        }
        let dropped = std::mem::take(&mut self.state().dropped);
        if dropped > 0 {
            tracing::info!(target: METRICS, dropped_spans = dropped, "spans dropped");
        }
    }

    fn failed(&self, count: usize, error: &str) {
        let told = {
            let mut state = self.state();
            state.dropped += count;
            state.not_before = Instant::now() + PAUSE;
            std::mem::replace(&mut state.told, true)
        };
        if !told {
            tracing::warn!(error, "the collector fails; spans are dropped and counted");
        }
    }
}

impl<E> Outbox<E> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: SpanExporter + 'static> SpanProcessor for Outbox<E> {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut state = self.state();
        if state.waiting.len() < MOST_WAITING {
            state.waiting.push(span);
        } else {
            state.dropped += 1;
        }
    }

    /// Does nothing: sending is asynchronous, and [`Outbox::flush`] does it.
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

    /// A collector with a mood.
    #[derive(Debug, Clone)]
    struct Moody {
        mood: Mood,
        calls: Arc<AtomicUsize>,
        taken: Arc<AtomicUsize>,
    }

    #[derive(Debug, Clone, Copy)]
    enum Mood {
        Well,
        Refusing,
        Silent,
    }

    impl SpanExporter for Moody {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.calls.fetch_add(1, Ordering::Relaxed);
            match self.mood {
                Mood::Well => {
                    self.taken.fetch_add(batch.len(), Ordering::Relaxed);
                    Ok(())
                }
                Mood::Refusing => Err(OTelSdkError::InternalFailure("full".to_owned())),
                Mood::Silent => pending().await,
            }
        }
    }

    struct Test {
        outbox: Outbox<Moody>,
        collector: Moody,
        provider: SdkTracerProvider,
    }

    impl Test {
        fn new(mood: Mood, delay: Duration) -> Test {
            let collector = Moody {
                mood,
                calls: Arc::default(),
                taken: Arc::default(),
            };
            let outbox = Outbox::new(collector.clone(), TIMEOUT, delay);
            let provider = SdkTracerProvider::builder()
                .with_span_processor(outbox.clone())
                .build();
            Test {
                outbox,
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

        fn taken(&self) -> usize {
            self.collector.taken.load(Ordering::Relaxed)
        }

        fn told(&self) -> bool {
            self.outbox.state().told
        }
    }

    #[tokio::test(start_paused = true)]
    async fn spans_are_sent_when_the_invocation_is_over() {
        let test = Test::new(Mood::Well, Duration::ZERO);
        test.outbox.flush().await;
        assert_eq!(test.calls(), 0, "nothing to send");
        test.finish(3);
        assert_eq!(test.calls(), 0, "not while the request waits");
        test.outbox.flush().await;
        test.finish(1);
        test.outbox.flush().await;
        assert_eq!((test.calls(), test.taken()), (2, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_delay_many_invocations_are_sent_together_and_none_is_forgotten() {
        let delay = Duration::from_millis(500);
        let test = Test::new(Mood::Well, delay);
        for _ in 0..10 {
            test.finish(1);
            test.outbox.flush().await;
        }
        assert_eq!((test.calls(), test.taken()), (1, 1), "the first, at once");
        tokio::time::sleep(delay * 2).await;
        assert_eq!((test.calls(), test.taken()), (2, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_collector_costs_a_bounded_time_and_is_then_left_alone() {
        for mood in [Mood::Refusing, Mood::Silent] {
            let test = Test::new(mood, Duration::ZERO);
            let before = Instant::now();
            for _ in 0..100 {
                test.finish(1);
                test.outbox.flush().await;
            }
            assert!(before.elapsed() <= TIMEOUT * 2, "{:?}", before.elapsed());
            assert_eq!(test.calls(), 1, "{mood:?}");
            assert!(test.told());
            tokio::time::sleep(PAUSE * 2).await;
            assert_eq!(test.calls(), 2, "{mood:?}: it is tried again");
            assert_eq!(test.outbox.state().waiting.len(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_what_does_not_fit_is_counted() {
        let test = Test::new(Mood::Well, Duration::ZERO);
        test.finish(MOST_WAITING + 7);
        assert_eq!(test.outbox.state().waiting.len(), MOST_WAITING);
        assert_eq!(test.outbox.state().dropped, 7);
        test.outbox.flush().await;
        assert_eq!(test.taken(), MOST_WAITING);
        assert_eq!(test.outbox.state().dropped, 0, "told as a metric");
    }
}

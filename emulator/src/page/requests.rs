//! The HTTP API's requests, by route.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;

use super::clock::{Clock, Second};
use super::per_second::{HISTORY, PerSecond};
use crate::template::Route;

/// The times of a route's last answers are kept.
const KEPT_TIMES: usize = 512;

#[derive(Debug)]
pub(crate) struct Requests {
    clock: Clock,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// In the order of the template; the last one is for requests that match no route.
    routes: Vec<RouteCounts>,
    all: PerSecond,
    failures: PerSecond,
    accepted: PerSecond,
    accepted_total: u64,
}

#[derive(Debug, Default)]
struct RouteCounts {
    name: String,
    function: Option<String>,
    per_second: PerSecond,
    total: u64,
    client_errors: u64,
    server_errors: u64,
    times: VecDeque<(Second, f64)>,
}

/// Requests in the snapshot.
#[derive(Debug, Serialize)]
pub(super) struct RequestsReport {
    total: u64,
    per_second: f64,
    /// The last 60 complete seconds, oldest first.
    history: Vec<u32>,
    server_errors: u64,
    server_error_history: Vec<u32>,
    /// Answers with status 202.
    accepted: AcceptedReport,
    routes: Vec<RouteReport>,
}

#[derive(Debug, Serialize)]
struct AcceptedReport {
    total: u64,
    per_second: f64,
    history: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct RouteReport {
    route: String,
    function: Option<String>,
    total: u64,
    per_second: f64,
    client_errors: u64,
    server_errors: u64,
    /// Of the last minute's answers, of which the latest 512 count.
    median_ms: Option<f64>,
    p95_ms: Option<f64>,
}

impl Requests {
    pub(super) fn new(routes: &[Route], clock: Clock) -> Self {
        let named = routes.iter().map(|route| RouteCounts {
            name: format!("{} {}", route.method, route.path),
            function: Some(route.function.clone()),
            ..RouteCounts::default()
        });
        let unmatched = RouteCounts {
            name: "no route".to_owned(),
            ..RouteCounts::default()
        };
        Requests {
            clock,
            counts: Mutex::new(Counts {
                routes: named.chain([unmatched]).collect(),
                all: PerSecond::default(),
                failures: PerSecond::default(),
                accepted: PerSecond::default(),
                accepted_total: 0,
            }),
        }
    }

    /// Counts an answer. `route` is the route's place in the template; none where no route matched.
    pub(crate) fn count(&self, route: Option<usize>, status: StatusCode, took: Duration) {
        let now = self.clock.now();
        let mut counts = self.counts();
        counts.all.add(now, 1);
        if status == StatusCode::ACCEPTED {
            counts.accepted.add(now, 1);
            counts.accepted_total += 1;
        }
        if status.is_server_error() {
            counts.failures.add(now, 1);
        }
        let unmatched = counts.routes.len() - 1;
        let route = &mut counts.routes[route.unwrap_or(unmatched).min(unmatched)];
        route.total += 1;
        route.per_second.add(now, 1);
        route.client_errors += u64::from(status.is_client_error());
        route.server_errors += u64::from(status.is_server_error());
        if route.times.len() == KEPT_TIMES {
            route.times.pop_front();
        }
        route.times.push_back((now, took.as_secs_f64() * 1_000.0));
    }

    pub(super) fn report(&self) -> RequestsReport {
        let now = self.clock.now();
        let mut counts = self.counts();
        let routes: Vec<RouteReport> = counts
            .routes
            .iter_mut()
            .map(|route| route.report(now))
            .collect();
        RequestsReport {
            total: routes.iter().map(|route| route.total).sum(),
            per_second: counts.all.rate(now),
            history: counts.all.history(now),
            server_errors: routes.iter().map(|route| route.server_errors).sum(),
            server_error_history: counts.failures.history(now),
            accepted: AcceptedReport {
                total: counts.accepted_total,
                per_second: counts.accepted.rate(now),
                history: counts.accepted.history(now),
            },
            routes,
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RouteCounts {
    fn report(&mut self, now: Second) -> RouteReport {
        let since = now.saturating_sub(HISTORY as Second);
        let recent = self.times.iter().filter(|(second, _)| *second >= since);
        let mut times: Vec<f64> = recent.map(|(_, time)| *time).collect();
        times.sort_by(f64::total_cmp);
        RouteReport {
            route: self.name.clone(),
            function: self.function.clone(),
            total: self.total,
            per_second: self.per_second.rate(now),
            client_errors: self.client_errors,
            server_errors: self.server_errors,
            median_ms: percentile(&times, 50),
            p95_ms: percentile(&times, 95),
        }
    }
}

/// The smallest of the sorted values that this percentage of them does not exceed.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 50), Some(50.0));
        assert_eq!(percentile(&values, 95), Some(95.0));
        assert_eq!(percentile(&[7.0], 95), Some(7.0));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn answers_are_counted_by_route_and_status() {
        let route = Route {
            method: "POST".to_owned(),
            path: "/checkouts".to_owned(),
            function: "Enqueue".to_owned(),
            auth: None,
        };
        let requests = Requests::new(&[route], Clock::default());
        let took = Duration::from_millis(5);
        for status in [202, 202, 404, 500] {
            let status = StatusCode::from_u16(status).expect("a status");
            requests.count(Some(0), status, took);
        }
        requests.count(None, StatusCode::NOT_FOUND, took);
        for _ in 0..10_000 {
            requests.count(Some(0), StatusCode::OK, took);
        }
        let report = requests.report();
        let [checkouts, nowhere] = report.routes.as_slice() else {
            panic!("{report:?}");
        };
        assert_eq!((report.total, report.accepted.total), (10_005, 2));
        assert_eq!((checkouts.client_errors, checkouts.server_errors), (1, 1));
        assert_eq!((nowhere.total, nowhere.client_errors), (1, 1));
        assert_eq!(checkouts.median_ms, Some(5.0));
        assert_eq!(requests.counts().routes[0].times.len(), KEPT_TIMES);
    }
}

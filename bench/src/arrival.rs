//! The times at which buyers arrive.

use std::time::{Duration, Instant};

/// How buyers arrive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Arrival {
    /// Each buyer returns as soon as it is served. This measures how much load the shop can take.
    Closed,
    /// Buyers arrive at a constant rate, however slow the shop is. This measures how long buyers wait: from the time
    /// at which a buyer should have been sent, so that a slow shop does not hide its own delay.
    Open {
        /// Buyers a second.
        rate: f64,
    },
}

/// The arrival times of the buyers of one connection. Several connections share the buyers evenly.
#[derive(Debug)]
pub(crate) struct Schedule {
    arrival: Arrival,
    begun: Instant,
    until: Instant,
    connection: usize,
    connections: usize,
    count: u32,
}

impl Schedule {
    pub(crate) fn new(
        arrival: Arrival,
        begun: Instant,
        duration: Duration,
        connection: usize,
        connections: usize,
    ) -> Schedule {
        Schedule {
            arrival,
            begun,
            until: begun + duration,
            connection,
            connections,
            count: 0,
        }
    }

    /// Waits for the next buyer. Returns the time of its arrival, or `None` when the run is over.
    pub(crate) async fn next(&mut self) -> Option<Instant> {
        let arrived = match self.arrival {
            Arrival::Closed => Instant::now(),
            Arrival::Open { rate } => {
                let number =
                    f64::from(self.count) * self.connections as f64 + self.connection as f64;
                self.begun + Duration::from_secs_f64(number / rate)
            }
        };
        if arrived >= self.until {
            return None;
        }
        self.count += 1;
        if arrived > Instant::now() {
            tokio::time::sleep_until(arrived.into()).await;
        }
        Some(arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_share_the_buyers_of_an_open_arrival() {
        let begun = Instant::now() - Duration::from_secs(1);
        let mut arrived = Vec::new();
        for connection in 0..3 {
            let arrival = Arrival::Open { rate: 10.0 };
            let mut schedule = Schedule::new(arrival, begun, Duration::from_secs(1), connection, 3);
            while let Some(moment) = schedule.next().await {
                arrived.push((moment - begun).as_millis());
            }
        }
        arrived.sort_unstable();
        assert_eq!(
            arrived,
            (0..10).map(|number| number * 100).collect::<Vec<_>>()
        );
    }
}

//! When buyers come.

use std::time::{Duration, Instant};

/// How buyers arrive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Arrival {
    /// Each comes again as soon as it is served: finds how much the shop can take.
    Closed,
    /// So many a second, however slow the shop is: finds how long buyers wait. Waiting counts from
    /// the moment a buyer should have come, so a slow shop is not spared by its own slowness.
    Open {
        /// Buyers a second.
        rate: f64,
    },
}

/// The turns of one of several connections that share the buyers evenly.
#[derive(Debug)]
pub(crate) struct Turns {
    arrival: Arrival,
    begun: Instant,
    until: Instant,
    connection: usize,
    connections: usize,
    taken: u32,
}

impl Turns {
    pub(crate) fn new(
        arrival: Arrival,
        begun: Instant,
        duration: Duration,
        connection: usize,
        connections: usize,
    ) -> Turns {
        Turns {
            arrival,
            begun,
            until: begun + duration,
            connection,
            connections,
            taken: 0,
        }
    }

    /// Waits for the next buyer. Gives the moment it came, or `None` when the time is over.
    pub(crate) async fn next(&mut self) -> Option<Instant> {
        let came = match self.arrival {
            Arrival::Closed => Instant::now(),
            Arrival::Open { rate } => {
                let number =
                    f64::from(self.taken) * self.connections as f64 + self.connection as f64;
                self.begun + Duration::from_secs_f64(number / rate)
            }
        };
        if came >= self.until {
            return None;
        }
        self.taken += 1;
        if came > Instant::now() {
            tokio::time::sleep_until(came.into()).await;
        }
        Some(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_share_the_buyers_of_an_open_arrival() {
        let begun = Instant::now() - Duration::from_secs(1);
        let mut came = Vec::new();
        for connection in 0..3 {
            let arrival = Arrival::Open { rate: 10.0 };
            let mut turns = Turns::new(arrival, begun, Duration::from_secs(1), connection, 3);
            while let Some(moment) = turns.next().await {
                came.push((moment - begun).as_millis());
            }
        }
        came.sort_unstable();
        assert_eq!(came, (0..10).map(|number| number * 100).collect::<Vec<_>>());
    }
}

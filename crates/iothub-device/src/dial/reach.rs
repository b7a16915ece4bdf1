use core::net::SocketAddr;
use std::io;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::race::Race;
use crate::address::Address;
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::connect_stage::{ConnectStage, Progress};

/// Finds addresses and connects to them.
pub(crate) trait Network: Clone + Send + Sync + 'static {
    type Stream: Send + 'static;

    /// The addresses of a name, the best first.
    fn resolve(&self, address: &Address) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to one of them, and gives up when dropped.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The network of this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct System;

impl Network for System {
    type Stream = TcpStream;

    async fn resolve(&self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((address.host(), address.port())).await?.collect())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let tcp = TcpStream::connect(to).await?;
        // Packets are small and somebody waits for each; batching is done before writing.
        tcp.set_nodelay(true)?;
        Ok(tcp)
    }
}

/// Connects to the hub at that address, as [`reach`] does.
pub(crate) async fn reach_hub<N: Network>(
    network: &N,
    address: &Address,
    progress: &Progress,
) -> Result<N::Stream, ConnectError> {
    let unreachable = |source| ConnectError::Unreachable { address: address.to_string(), source };
    reach(network, address, progress).await.map_err(unreachable)
}

/// Connects to whichever address of a name answers first. The other attempts are dropped.
///
/// # Errors
///
/// What the system said; when several addresses were tried, what it said to each, with the kind of the first.
pub(super) async fn reach<N: Network>(
    network: &N,
    address: &Address,
    progress: &Progress,
) -> io::Result<N::Stream> {
    progress.reach(ConnectStage::Lookup);
    let mut race = Race::new(network.resolve(address).await?);
    progress.reach(ConnectStage::Tcp);
    let clock = Clock::start();
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        while let Some(to) = race.poll_start(clock.now()) {
            let network = network.clone();
            attempts.spawn(async move { (to, network.connect(to).await) });
        }
        let next = race.poll_timeout();
        tokio::select! {
            Some(attempt) = attempts.join_next() => {
                match attempt.map_err(io::Error::other)? {
                    (_, Ok(stream)) => return Ok(stream),
                    (to, Err(error)) => failures.push((to, error)),
                }
                race.failed();
            }
            () = clock.sleep_until(next), if next.is_some() => {}
            else => return Err(summary(failures)),
        }
    }
}

fn summary(mut failures: Vec<(SocketAddr, io::Error)>) -> io::Error {
    if failures.len() == 1
        && let Some((_, only)) = failures.pop()
    {
        return only;
    }
    let Some((_, first)) = failures.first() else {
        return io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    };
    let all: Vec<_> = failures.iter().map(|(to, error)| format!("{}: {error}", to.ip())).collect();
    io::Error::new(first.kind(), all.join("; "))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Addresses by what becomes of an attempt, and when, in milliseconds.
    #[derive(Clone)]
    struct Simulated {
        addresses: Vec<(SocketAddr, Fate)>,
        log: Arc<Mutex<Vec<String>>>,
        clock: Clock,
    }

    #[derive(Clone, Copy)]
    enum Fate {
        Answers(u64),
        Refuses(u64),
        Swallows,
    }

    /// Says that an attempt is over, however it came to that.
    struct Attempt(SocketAddr, Arc<Mutex<Vec<String>>>);

    impl Drop for Attempt {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(format!("{} over", self.0.ip()));
        }
    }

    impl Network for Simulated {
        type Stream = SocketAddr;

        async fn resolve(&self, _: &Address) -> io::Result<Vec<SocketAddr>> {
            Ok(self.addresses.iter().map(|(address, _)| *address).collect())
        }

        async fn connect(&self, to: SocketAddr) -> io::Result<SocketAddr> {
            let at = self.clock.now().as_millis();
            self.log.lock().unwrap().push(format!("{} at {at}", to.ip()));
            let _attempt = Attempt(to, Arc::clone(&self.log));
            let wait = |ms| tokio::time::sleep(Duration::from_millis(ms));
            match self.addresses.iter().find(|(address, _)| *address == to).unwrap().1 {
                Fate::Answers(ms) => wait(ms).await,
                Fate::Refuses(ms) => {
                    wait(ms).await;
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                Fate::Swallows => core::future::pending().await,
            }
            Ok(to)
        }
    }

    fn network(addresses: &[(&str, Fate)]) -> Simulated {
        let parse = |(ip, fate): &(&str, Fate)| (SocketAddr::new(ip.parse().unwrap(), 8883), *fate);
        let addresses = addresses.iter().map(parse).collect();
        Simulated { addresses, log: Arc::default(), clock: Clock::start() }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_wins_and_the_others_are_dropped() {
        use Fate::{Answers, Refuses, Swallows};
        type Row<'a> = (&'a [(&'a str, Fate)], &'a str, u64, &'a str);
        let rows: &[Row<'_>] = &[
            (&[("::1", Answers(40)), ("10.0.0.1", Answers(1))], "::1", 40, "::1 at 0; ::1 over"),
            (
                &[("::1", Swallows), ("10.0.0.1", Answers(40))],
                "10.0.0.1",
                290,
                "::1 at 0; 10.0.0.1 at 250; 10.0.0.1 over; ::1 over",
            ),
            (
                &[("::1", Answers(400)), ("10.0.0.1", Swallows)],
                "::1",
                400,
                "::1 at 0; 10.0.0.1 at 250; ::1 over; 10.0.0.1 over",
            ),
            (
                &[("::1", Refuses(5)), ("::2", Answers(9)), ("10.0.0.1", Refuses(7))],
                "::2",
                21,
                "::1 at 0; ::1 over; 10.0.0.1 at 5; 10.0.0.1 over; ::2 at 12; ::2 over",
            ),
        ];
        for (addresses, winner, after_ms, log) in rows {
            let network = network(addresses);
            let reached = reach(&network, &"hub:8883".parse().unwrap(), &Progress::default()).await.unwrap();
            assert_eq!(
                (reached.ip().to_string().as_str(), network.clock.now().as_millis()),
                (*winner, *after_ms)
            );
            // The dropped ones are taken down by the runtime.
            tokio::task::yield_now().await;
            assert_eq!(network.log.lock().unwrap().join("; "), *log);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_none_answers_each_is_said() {
        use Fate::Refuses;
        for (addresses, shown) in [
            (vec![], "the name has no address"),
            (vec![("::1", Refuses(0))], "connection refused"),
            (
                vec![("::1", Refuses(300)), ("10.0.0.1", Refuses(3))],
                "10.0.0.1: connection refused; ::1: connection refused",
            ),
        ] {
            let error = reach(&network(&addresses), &"hub:8883".parse().unwrap(), &Progress::default())
                .await
                .unwrap_err();
            assert_eq!(error.to_string(), shown);
        }
    }
}

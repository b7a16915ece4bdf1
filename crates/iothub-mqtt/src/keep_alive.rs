use core::time::Duration;

use iothub_proto::Instant;

use crate::error::WireError;

/// When a client sends PINGREQ, and when it gives its peer up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pings {
    /// The keep-alive that CONNECT promises; `None` promises nothing.
    interval: Option<Duration>,
    sent: Instant,
    heard: Instant,
    waiting: Option<Waiting>,
}

/// For an answer, since then.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    ConnAck(Instant),
    PingResp(Instant),
}

/// What has to be done because time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
}

impl Pings {
    /// From CONNECT on, which promises to send something every `keep_alive_s` seconds, or with 0 nothing.
    pub(crate) fn new(now: Instant, keep_alive_s: u16) -> Self {
        let interval = (keep_alive_s > 0).then(|| seconds(keep_alive_s));
        Self { interval, sent: now, heard: now, waiting: Some(Waiting::ConnAck(now)) }
    }

    /// Something was sent.
    pub(crate) const fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// Something arrived. Even a part of a packet shows that the peer lives.
    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard = now;
        if matches!(self.waiting, Some(Waiting::PingResp(_))) {
            self.waiting = None;
        }
    }

    /// CONNACK has come; it may replace the keep-alive.
    pub(crate) fn connected(&mut self, keep_alive_s: Option<u16>) {
        self.waiting = None;
        if let Some(keep_alive_s) = keep_alive_s {
            self.interval = (keep_alive_s > 0).then(|| seconds(keep_alive_s));
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        match (self.waiting, self.interval) {
            (Some(Waiting::ConnAck(since)), _) => Some((since.after(Self::PATIENCE_MAX), "no CONNACK")),
            (Some(Waiting::PingResp(since)), Some(interval)) => {
                Some((since.after(Self::patience(interval)), "no PINGRESP"))
            }
            // A connection on which only one end speaks wants a ping too: nothing else would show that the
            // other is gone.
            (None, Some(interval)) => Some((self.sent.min(self.heard).after(interval), "keep-alive")),
            (None | Some(Waiting::PingResp(_)), None) => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<Due, WireError> {
        match self.poll_timeout() {
            Some((at, _)) if at <= now => match self.waiting {
                Some(Waiting::ConnAck(_) | Waiting::PingResp(_)) => Err(silent(now.since(self.heard))),
                None => {
                    self.waiting = Some(Waiting::PingResp(now));
                    self.sent = now;
                    Ok(Due::Ping)
                }
            },
            Some(_) | None => Ok(Due::Nothing),
        }
    }

    /// How long an answer may take: as long as a hub waits for an overdue ping, if that is not too long.
    fn patience(interval: Duration) -> Duration {
        (interval / 2).min(Self::PATIENCE_MAX)
    }

    /// Longest wait for an answer.
    const PATIENCE_MAX: Duration = Duration::from_secs(30);
}

/// When a server gives its peer up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleLimit {
    limit: Duration,
    heard: Instant,
}

impl IdleLimit {
    /// From CONNECT on: one and a half times what it promises, and never longer than a hub waits at all.
    pub(crate) fn new(now: Instant, keep_alive_s: u16) -> Self {
        Self { limit: Self::limit(keep_alive_s), heard: now }
    }

    /// CONNACK says another keep-alive.
    pub(crate) fn replace(&mut self, keep_alive_s: u16) {
        self.limit = Self::limit(keep_alive_s);
    }

    /// A whole packet arrived. A part of one is not enough: whoever sends a byte a minute would never be
    /// given up.
    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    pub(crate) fn poll_timeout(&self) -> (Instant, &'static str) {
        (self.heard.after(self.limit), "idle limit")
    }

    pub(crate) fn handle_timeout(&self, now: Instant) -> Result<(), WireError> {
        if self.poll_timeout().0 <= now { Err(silent(now.since(self.heard))) } else { Ok(()) }
    }

    fn limit(keep_alive_s: u16) -> Duration {
        match keep_alive_s {
            0 => Self::MAX,
            keep_alive_s => (seconds(keep_alive_s) * 3 / 2).min(Self::MAX),
        }
    }

    /// Longest that a hub waits for a device to say something: 29.45 minutes.
    const MAX: Duration = Duration::from_secs(1767);
}

const fn seconds(seconds: u16) -> Duration {
    Duration::from_secs(seconds as u64)
}

fn silent(elapsed: Duration) -> WireError {
    WireError::Silent { seconds: u32::try_from(elapsed.as_secs()).unwrap_or(u32::MAX) }
}

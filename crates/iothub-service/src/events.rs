use reqwest::Response;
use serde_json::value::RawValue;

use crate::request::Request;
use crate::{Error, Service};

/// # Extras of a local hub
///
/// Azure serves these by AMQP only.
impl Service {
    /// Begins to follow what happens in a local hub: telemetry, connections, changes. Takes the right
    /// ServiceConnect.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by a hub that is not a local one; see [`Error`] for others.
    pub async fn events(&self) -> Result<Events, Error> {
        let response = self.open(Request::get("/$local/events".into())).await?;
        Ok(Events { service: self.clone(), response, lines: Lines::default() })
    }
}

/// What happens in a hub, as it happens. Comes from [`Service::events`]; dropping it ends the connection.
#[derive(Debug)]
pub struct Events {
    service: Service,
    response: Response,
    lines: Lines,
}

impl Events {
    /// Longest event, in bytes. A message has up to 256 KiB, of which JSON may take six bytes for one.
    pub const EVENT_MAX: usize = 2 * 1024 * 1024;

    /// Waits for the next event: one JSON object. `None` when the hub has ended the stream, as it does when
    /// it stops. May be dropped while it waits, without losing an event.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] when the connection broke, and [`Error::Unreadable`] for what is no event. There
    /// is no use in going on after either.
    pub async fn next(&mut self) -> Result<Option<Box<RawValue>>, Error> {
        loop {
            if let Some(line) = self.lines.next() {
                let event = serde_json::from_slice(&line);
                return event.map(Some).map_err(|error| self.service.unreadable(error.to_string()));
            }
            if self.lines.unfinished() > Self::EVENT_MAX {
                let reason = format!("an event of more than {} bytes", Self::EVENT_MAX);
                return Err(self.service.unreadable(reason));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.lines.push(&chunk),
                Ok(None) if self.lines.unfinished() == 0 => return Ok(None),
                Ok(None) => return Err(self.service.unreadable("the last event is cut short".into())),
                Err(error) => return Err(self.service.transport(self.service.usual_deadline(), error)),
            }
        }
    }
}

/// Bytes that arrive in any pieces and leave as lines.
#[derive(Debug, Default)]
struct Lines {
    arrived: Vec<u8>,
    /// Where in `arrived` the next line begins, and up to where no end of it has been found.
    begin: usize,
    searched: usize,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.arrived.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        self.arrived.extend_from_slice(bytes);
    }

    /// The next whole line that is not blank; blank ones keep a quiet connection alive.
    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(at) = self.arrived[self.searched..].iter().position(|&b| b == b'\n') {
            let end = self.searched + at;
            let line = self.arrived[self.begin..end].trim_ascii().to_vec();
            self.begin = end + 1;
            self.searched = self.begin;
            if !line.is_empty() {
                return Some(line);
            }
        }
        self.searched = self.arrived.len();
        None
    }

    /// How long the line is whose end has not come yet.
    fn unfinished(&self) -> usize {
        self.arrived.len() - self.begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_in_whatever_pieces_they_arrive() {
        let stream = b"{\"a\":1}\n\n \r\n{\"b\":2}\r\n{\"c\":3}\n{\"d\"";
        for size in 1..=stream.len() {
            let mut lines = Lines::default();
            let mut read = Vec::new();
            for piece in stream.chunks(size) {
                lines.push(piece);
                while let Some(line) = lines.next() {
                    read.push(String::from_utf8(line).expect("the stream is text"));
                }
            }
            assert_eq!(read, [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#], "in pieces of {size}");
            assert_eq!(lines.unfinished(), 4, "in pieces of {size}");
        }
    }

    #[test]
    fn what_has_left_is_forgotten() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.push(b"0123456789\n");
            assert!(lines.next().is_some());
        }
        assert_eq!(lines.unfinished(), 0);
        assert!(lines.arrived.len() <= 11, "{}", lines.arrived.len());
    }
}

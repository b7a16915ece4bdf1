use iothub_proto::{AckToken, Instant, Ticket, Verdict};

use crate::document::Document;

/// What has really happened to a device and at its hub, whatever either end remembers: what both are measured by.
///
/// The hub keeps of it what hubs keep on disk: the twin, and the queue of commands.
#[derive(Debug)]
pub(crate) struct Truth {
    /// The desired properties at each version, from the first on.
    documents: Vec<Document>,
    pub(super) reported: u64,
    pub(super) reports: Vec<Report>,
    pub(super) telemetry: Vec<Message>,
    pub(super) commands: Vec<Command>,
    pub(super) calls: Vec<Call>,
    /// A desired change was not sent on to a device that listens: it cannot know before the next.
    pub(super) unseen: bool,
}

/// A change of the reported properties.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Which version it made, once it has come.
    pub(super) made: Option<u64>,
    /// At which version it was to be made.
    pub(super) if_version: Option<u64>,
    pub(super) refused: bool,
}

/// A telemetry message.
#[derive(Debug)]
pub(super) struct Message {
    /// At QoS 1, the one before it that was.
    pub(super) behind: Option<u32>,
    pub(super) arrived: bool,
    pub(super) refused: bool,
}

/// A command in the hub's queue.
#[derive(Debug, Default)]
pub(super) struct Command {
    /// How it went out last: on which connection, under which token.
    pub(super) sent: Option<(u32, AckToken)>,
    /// What the device has said of it last.
    pub(super) said: Option<Verdict>,
    pub(super) done: bool,
}

/// A method call.
#[derive(Debug)]
pub(super) struct Call {
    /// On which connection, under which name, until when; `None` once it has ended.
    pub(super) open: Option<(u32, Ticket, Instant)>,
    pub(super) seen: bool,
}

impl Truth {
    pub(super) fn new() -> Self {
        Self {
            documents: vec![Document::default()],
            reported: 1,
            reports: Vec::new(),
            telemetry: Vec::new(),
            commands: Vec::new(),
            calls: Vec::new(),
            unseen: false,
        }
    }

    /// The version of the desired properties.
    pub(super) const fn version(&self) -> u64 {
        self.documents.len() as u64
    }

    /// The desired properties at that version, which exists.
    pub(super) fn document(&self, version: u64) -> Option<&Document> {
        usize::try_from(version.checked_sub(1)?).ok().and_then(|index| self.documents.get(index))
    }

    /// Somebody changes the desired properties; to which version.
    pub(super) fn change(&mut self) -> u64 {
        let version = self.version() + 1;
        let mut document = self.documents.last().copied().unwrap_or_default();
        document.set(Document::key(version), version);
        self.documents.push(document);
        version
    }

    /// The open calls.
    pub(super) fn open_calls(&self) -> usize {
        self.calls.iter().filter(|call| call.open.is_some()).count()
    }
}

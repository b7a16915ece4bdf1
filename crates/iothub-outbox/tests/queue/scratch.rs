use std::path::{Path, PathBuf};

use iothub_outbox::{Outbox, OutboxOptions, Priority, Record};

/// A folder that goes with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("iothub-outbox-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("outbox.redb")
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn open(&self) -> Outbox {
        self.open_with(OutboxOptions::new())
    }

    pub(crate) fn open_with(&self, options: OutboxOptions) -> Outbox {
        Outbox::open(self.file(), options).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn record(text: &str, priority: u8) -> Record {
    Record::new(text.to_owned()).priority(Priority(priority))
}

/// The texts of the next messages.
pub(crate) async fn texts(outbox: &Outbox, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let entry = outbox.next().await.unwrap();
        texts.push(String::from_utf8(entry.record.body.to_vec()).unwrap());
    }
    texts
}

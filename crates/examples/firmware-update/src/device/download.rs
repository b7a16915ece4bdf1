use core::error::Error;
use core::fmt::Write;
use core::time::Duration;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use iothub_device::Reporter;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::time::interval;

use crate::store::Store;
use crate::version::Version;
use crate::wanted::Wanted;

/// Brings firmware from its source into the store.
#[derive(Clone, Debug)]
pub(crate) struct Download {
    source: PathBuf,
    store: Store,
    /// Between two pieces.
    pause: Duration,
}

/// Bytes that are fetched at a time.
const PIECE: usize = 16 * 1024;

type Failure = Box<dyn Error + Send + Sync>;

impl Download {
    pub(crate) fn new(source: PathBuf, store: Store, pause: Duration) -> Self {
        Self { source, store, pause: pause.max(Duration::from_millis(1)) }
    }

    /// Fetches and installs what is wanted, from where it was left, and does nothing if that is installed. Dropped at any
    /// point, it may be run again.
    pub(crate) async fn run(&self, wanted: &Wanted, reporter: &Reporter) -> Result<(), Failure> {
        let version = &wanted.version;
        if self.store.installed()?.as_deref() != Some(version.as_str()) {
            if !self.store.has(version) {
                self.fetch(version, reporter).await?;
                self.check(wanted).await?;
                self.store.keep(version)?;
            }
            self.store.install(version)?;
        }
        let done =
            json!({ "version": version.as_str(), "state": "installed", "percent": 100, "error": null });
        Ok(reporter.set(&json!({ "firmware": done }))?)
    }

    async fn fetch(&self, version: &Version, reporter: &Reporter) -> Result<(), Failure> {
        let mut source = File::open(self.source.join(version.as_str())).await?;
        let mut part = OpenOptions::new().create(true).append(true).open(self.store.part(version)).await?;
        let (mut have, all) = (part.metadata().await?.len(), source.metadata().await?.len());
        source.seek(SeekFrom::Start(have)).await?;
        let begun = json!({ "state": "downloading", "goesOnAt": have, "error": null });
        reporter.set(&json!({ "firmware": begun }))?;
        let (mut link, mut piece) = (interval(self.pause), vec![0; PIECE]);
        loop {
            link.tick().await;
            let len = source.read(&mut piece).await?;
            if len == 0 {
                return Ok(());
            }
            part.write_all(&piece[..len]).await?;
            // What was reported is there after a restart.
            part.flush().await?;
            have += len as u64;
            // Sent as one with those that come while another is on its way.
            reporter.set(&json!({ "firmware": { "percent": have * 100 / all.max(1) } }))?;
        }
    }

    /// What is not as it should be is thrown away.
    async fn check(&self, wanted: &Wanted) -> Result<(), Failure> {
        let part = self.store.part(&wanted.version);
        let found = tokio::task::spawn_blocking(move || sha256(&part)).await??;
        if found != wanted.sha256 {
            self.store.discard(&wanted.version)?;
            return Err(format!("the file has the SHA-256 {found}").into());
        }
        Ok(())
    }
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut std::fs::File::open(path)?, &mut hash)?;
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    }))
}

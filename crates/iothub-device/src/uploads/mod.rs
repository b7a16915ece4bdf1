//! Files that are uploaded over HTTPS, whatever the device speaks besides.
//!
//! [`plan`] decides, without a byte or a socket; [`running`] does what it says.

mod error;
mod exchange;
mod https;
mod plan;
mod running;
mod source;
mod state;
#[cfg(test)]
mod tests;
mod upload;

use std::sync::Arc;

use crate::chance::number;
use crate::clock::Clock;
use crate::options::Options;

pub use error::{UploadError, UploadFailed};
use exchange::End;
use https::Https;
pub use source::Source;
use state::Blocks;
pub use state::UploadState;
use upload::{BLOCK_LEN, DEADLINE, PARALLEL};
pub use upload::{Stage, Upload, UploadProgress, Uploaded};

/// A device's uploads, with or without a connection over MQTT. Cheap to clone; clones share their connections.
///
/// ```no_run
/// use iothub_device::{Options, Source, Uploads};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let text = std::env::var("IOTHUB_DEVICE_CONNECTION_STRING")?;
/// let uploads = Uploads::new(Options::from_connection_string(&text)?);
/// let log = uploads
///     .upload("logs/today.txt", Source::file("/var/log/today.txt"))
///     .content_type("text/plain")
///     .on_progress(|progress| println!("{} bytes", progress.sent))
///     .await?;
/// println!("{} has {} bytes", log.blob_name, log.len);
///
/// // One that goes on later, in another process if need be.
/// let firmware = uploads.upload("core.dump", Source::file("core")).resumable().await;
/// if let Err(failed) = firmware {
///     let kept = serde_json::to_string(&failed.state.ok_or("nothing was begun")?)?;
///     uploads.resume(serde_json::from_str(&kept)?, Source::file("core")).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Uploads {
    https: Arc<Https>,
}

impl Uploads {
    /// Of the device that the options are of, to its hub and through the same proxy. The hub is at
    /// [`Options::https_port`]. Nothing is sent yet.
    pub fn new(options: Options) -> Self {
        Self { https: Arc::new(Https::new(options)) }
    }

    /// Uploads a file by that name, which slashes may divide and which is put behind that of the device.
    pub fn upload(&self, name: impl Into<String>, source: impl Into<Source>) -> Upload {
        self.resume(
            UploadState {
                name: name.into(),
                block_len: BLOCK_LEN,
                len: None,
                tag: number(),
                done: Blocks::default(),
                access: None,
            },
            source,
        )
    }

    /// Goes on with an upload from where it was. The source must be the same: its length is checked, and nothing else.
    /// Access that is over meanwhile is asked for anew, and blocks that the storage has forgotten are sent again.
    pub fn resume(&self, state: UploadState, source: impl Into<Source>) -> Upload {
        Upload {
            https: Arc::clone(&self.https),
            state,
            source: source.into(),
            parallel: PARALLEL,
            deadline: DEADLINE,
            content_type: None,
            is_resumable: false,
            report: Box::new(|_| {}),
        }
    }

    /// Tells the hub that an upload will not be resumed. What was sent of it is removed.
    ///
    /// # Errors
    ///
    /// [`UploadError`] if the hub was not told: it will find that out by itself when the time of the upload is over.
    pub async fn give_up(&self, state: UploadState) -> Result<(), UploadError> {
        let Some(access) = state.access else { return Ok(()) };
        self.https.tell(Clock::start(), &access, End::Failure).await.map_err(|failed| failed.error)
    }
}

impl core::fmt::Debug for Uploads {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Uploads").field("device", &self.https.options.identity()).finish_non_exhaustive()
    }
}

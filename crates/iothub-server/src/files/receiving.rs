use core::time::Duration;
use std::io;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use iothub_hub::{BlobProblem, BlobRefusal};
use md5::{Digest, Md5};
use tokio::io::AsyncWriteExt;

use super::store::{Store, Unfinished};

/// What was received whole.
pub(crate) struct Received {
    pub(crate) unfinished: Unfinished,
    /// The name of the file that it may become.
    pub(crate) file: String,
    pub(crate) md5: [u8; 16],
}

/// How long a body is going to be, which clients must say, and must be no more than so much.
pub(crate) fn announced(body: &Incoming, len_max: u64) -> Result<u64, BlobRefusal> {
    let Some(len) = body.size_hint().exact() else {
        let why = "the header Content-Length is missing";
        return Err(BlobRefusal::new(BlobProblem::MissingContentLengthHeader, why));
    };
    if len > len_max {
        let why = format!("it has {len} bytes, and there is room for {len_max} at most");
        return Err(BlobRefusal::new(BlobProblem::RequestBodyTooLarge, why));
    }
    Ok(len)
}

/// Writes a body down as it comes. Nothing of it is left if it does not come whole.
pub(crate) async fn receive(
    store: &Store,
    body: &mut Incoming,
    (len, md5): (u64, Option<[u8; 16]>),
    patience: Duration,
) -> Result<Received, BlobRefusal> {
    let (unfinished, name) = store.begin().map_err(|error| unwritable(&error))?;
    // With what removes it, should nobody wait for it any longer.
    let create =
        tokio::task::spawn_blocking(move || Ok((super::store::create(&unfinished.path)?, unfinished)));
    let (file, unfinished) =
        create.await.map_err(|_| ended())?.map_err(|error: io::Error| unwritable(&error))?;
    let mut file = tokio::fs::File::from_std(file);
    let mut digest = Md5::new();
    let (mut received, mut looked) = (0_u64, 0_u64);
    while let Some(piece) = next(body, patience).await? {
        received += piece.len() as u64;
        // Others use the disk as well.
        if received - looked >= BETWEEN_LOOKS {
            looked = received;
            store.must_have_room(len.saturating_sub(received))?;
        }
        digest.update(&piece);
        file.write_all(&piece).await.map_err(|error| unwritable(&error))?;
    }
    file.flush().await.map_err(|error| unwritable(&error))?;
    if received != len {
        let why = format!("{received} bytes came of {len}");
        return Err(BlobRefusal::new(BlobProblem::IncompleteBody, why));
    }
    let found: [u8; 16] = digest.finalize().into();
    if md5.is_some_and(|md5| md5 != found) {
        return Err(BlobRefusal::new(BlobProblem::Md5Mismatch, "what came is not what Content-MD5 says"));
    }
    Ok(Received { unfinished, file: name, md5: found })
}

async fn next(body: &mut Incoming, patience: Duration) -> Result<Option<Bytes>, BlobRefusal> {
    let incomplete = |why: &str| BlobRefusal::new(BlobProblem::IncompleteBody, why);
    loop {
        let frame = tokio::time::timeout(patience, body.frame()).await;
        match frame.map_err(|_| incomplete("the body did not come in time"))? {
            None => return Ok(None),
            Some(Err(_)) => return Err(incomplete("the body ended too early")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// A file could not be written or read.
pub(crate) fn unwritable(error: &io::Error) -> BlobRefusal {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return BlobRefusal::new(BlobProblem::InsufficientStorage, "the disk of the hub is full");
    }
    tracing::error!(%error, "a file of a device cannot be written or read");
    BlobRefusal::new(BlobProblem::InternalError, "the hub cannot write or read it; its log says why")
}

/// The runtime ends.
pub(crate) fn ended() -> BlobRefusal {
    BlobRefusal::new(BlobProblem::ServerBusy, "the hub ends")
}

/// Bytes that are written before it is looked how much room there is.
const BETWEEN_LOOKS: u64 = 16 * 1024 * 1024;

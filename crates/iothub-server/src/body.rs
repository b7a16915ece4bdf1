use core::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use iothub_model::ErrorCode;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The room that the bodies of all requests share, so that strangers cannot fill the memory with them.
pub(crate) struct Room {
    /// One permit a KiB.
    free: Semaphore,
}

/// A body, and its part of the room.
pub(crate) struct Held<'a> {
    pub(crate) bytes: Bytes,
    _room: SemaphorePermit<'a>,
}

impl Room {
    pub(crate) const fn new() -> Self {
        Self { free: Semaphore::const_new(ROOM_LEN / 1024) }
    }

    /// Reads a body, when there is room for it.
    pub(crate) async fn read(
        &self,
        body: &mut Incoming,
        limit: Duration,
    ) -> Result<Held<'_>, (ErrorCode, &'static str)> {
        let hint = body.size_hint();
        if hint.lower() > LEN_MAX as u64 {
            return Err(TOO_LONG);
        }
        // As long as it may be, where it does not say.
        let len = hint.upper().and_then(|len| usize::try_from(len).ok()).unwrap_or(LEN_MAX).min(LEN_MAX);
        let kib = u32::try_from(len.div_ceil(1024)).unwrap_or(u32::MAX);
        let whole = async {
            let room = self.free.acquire_many(kib).await.map_err(|_| UNREADABLE)?;
            match Limited::new(body, LEN_MAX).collect().await {
                Ok(body) => Ok(Held { bytes: body.to_bytes(), _room: room }),
                Err(error) if error.is::<LengthLimitError>() => Err(TOO_LONG),
                Err(_) => Err(UNREADABLE),
            }
        };
        tokio::time::timeout(limit, whole).await.unwrap_or(Err(TOO_LATE))
    }
}

/// Lets a client finish what it sends while it is told that this is of no use: one whose connection is closed
/// under it would not get to read that.
pub(crate) async fn discard(body: Incoming, limit: Duration) {
    let mut body = Limited::new(body, DISCARDED_LEN_MAX);
    let all = async { while let Some(Ok(_)) = body.frame().await {} };
    // Beyond either limit it is left to itself.
    let _ = tokio::time::timeout(limit, all).await;
}

/// Longest body of a request. The longest that means something is a hundred devices at once.
const LEN_MAX: usize = 1024 * 1024;
/// Most bytes of bodies at a time, of all requests.
const ROOM_LEN: usize = 64 * 1024 * 1024;
/// Most that is read of a body that is too long.
const DISCARDED_LEN_MAX: usize = 16 * 1024 * 1024;

const TOO_LONG: (ErrorCode, &str) = (ErrorCode::MessageTooLarge, "the body is longer than 1 MiB");
const UNREADABLE: (ErrorCode, &str) = (ErrorCode::GenericBadRequest, "the body cannot be read");
const TOO_LATE: (ErrorCode, &str) = (ErrorCode::RequestTimedOut, "the body did not come in time");

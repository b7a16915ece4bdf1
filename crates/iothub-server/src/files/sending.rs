use core::ops::Range;
use std::io::{self, SeekFrom};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use hyper::body::Frame;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// A part of a file, piece by piece as it is taken.
pub(crate) async fn pieces(
    mut file: File,
    range: Range<u64>,
) -> io::Result<impl futures_util::Stream<Item = io::Result<Frame<Bytes>>> + Send> {
    file.seek(SeekFrom::Start(range.start)).await?;
    let file = file.take(range.end - range.start);
    Ok(stream::unfold(file, async |mut file| {
        if file.limit() == 0 {
            return None;
        }
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = match file.read_buf(&mut piece).await {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(Frame::data(piece.freeze())),
            Err(error) => Err(error),
        };
        if let Err(error) = &read {
            // The client sees that it was no proper end.
            tracing::error!(%error, "a file of a device cannot be read");
            file.set_limit(0);
        }
        Some((read, file))
    }))
}

/// Bytes that are read at once.
const PIECE: usize = 128 * 1024;

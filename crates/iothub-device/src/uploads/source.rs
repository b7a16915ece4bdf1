use std::io::{self, SeekFrom};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt};

/// What is uploaded.
pub struct Source(Kind);

enum Kind {
    File(PathBuf),
    Bytes(Bytes),
    Stream(Box<dyn AsyncRead + Send + Unpin>),
}

impl Source {
    /// The file at that path. It is read block by block while it is sent.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// What somebody writes: read once, from its beginning to its end, and so sent again from memory a few blocks back and no
    /// further.
    pub fn stream(stream: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self(Kind::Stream(Box::new(stream)))
    }

    pub(super) async fn open(self) -> io::Result<Reader> {
        Ok(match self.0 {
            Kind::File(path) => {
                let file = tokio::fs::File::open(path).await?;
                let about = file.metadata().await?;
                if !about.is_file() {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
                }
                Reader { len: Some(about.len()), inner: Inner::File(file) }
            }
            Kind::Bytes(bytes) => Reader { len: Some(bytes.len() as u64), inner: Inner::Bytes(bytes) },
            Kind::Stream(stream) => Reader { len: None, inner: Inner::Stream { stream, at: 0 } },
        })
    }
}

impl<B: Into<Bytes>> From<B> for Source {
    fn from(bytes: B) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }
}

impl core::fmt::Debug for Source {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.0 {
            Kind::File(path) => f.debug_tuple("File").field(path).finish(),
            Kind::Bytes(bytes) => f.debug_tuple("Bytes").field(&bytes.len()).finish(),
            Kind::Stream(_) => f.write_str("Stream(..)"),
        }
    }
}

/// A source that is read.
pub(super) struct Reader {
    /// In bytes, where it is known.
    pub(super) len: Option<u64>,
    inner: Inner,
}

enum Inner {
    File(tokio::fs::File),
    Bytes(Bytes),
    Stream { stream: Box<dyn AsyncRead + Send + Unpin>, at: u64 },
}

impl Reader {
    /// In bytes; of a stream, of what was read of it.
    pub(super) fn len_so_far(&self) -> u64 {
        match &self.inner {
            Inner::Stream { at, .. } => *at,
            Inner::File(_) | Inner::Bytes(_) => self.len.unwrap_or_default(),
        }
    }

    /// The bytes from there on, at most so many; fewer at the end only. A stream that is beyond says so.
    pub(super) async fn read(&mut self, from: u64, len: usize) -> io::Result<Bytes> {
        match &mut self.inner {
            Inner::Bytes(bytes) => {
                let begin = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(begin..begin.saturating_add(len).min(bytes.len())))
            }
            Inner::File(file) => {
                file.seek(SeekFrom::Start(from)).await?;
                fill(file, len).await
            }
            Inner::Stream { stream, at } => {
                let Some(skipped) = from.checked_sub(*at) else {
                    return Err(io::Error::new(io::ErrorKind::NotSeekable, "a stream cannot be read again"));
                };
                *at += tokio::io::copy(&mut stream.take(skipped), &mut tokio::io::sink()).await?;
                let block = fill(stream, len).await?;
                *at += block.len() as u64;
                Ok(block)
            }
        }
    }
}

async fn fill(from: &mut (impl AsyncRead + Unpin), len: usize) -> io::Result<Bytes> {
    let mut block = BytesMut::with_capacity(len);
    let mut from = from.take(len as u64);
    while from.read_buf(&mut block).await? > 0 {}
    Ok(block.freeze())
}

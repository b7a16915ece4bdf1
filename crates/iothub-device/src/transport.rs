use tokio::io::{AsyncRead, AsyncWrite};

use crate::connect_error::ConnectError;
use crate::connect_stage::ConnectStage;

/// How a stream of bytes to the hub comes about, for [`Device::connect_over`](crate::Device::connect_over).
///
/// MQTT is spoken inside the stream from its first byte on; whatever lies below, such as TLS, and who is at the other
/// end, is the transport's business. What [`Options`](crate::Options) say of addresses, trust and proxies is not heeded
/// then, their limits of time are.
///
/// ```
/// use iothub_device::{ConnectError, Transport};
/// use tokio::net::TcpStream;
///
/// /// A sidecar on the same machine that carries everything to the hub, over TLS.
/// struct Sidecar(&'static str);
///
/// impl Transport for Sidecar {
///     type Stream = TcpStream;
///
///     async fn connect(&self) -> Result<TcpStream, ConnectError> {
///         let unreachable = |source| ConnectError::Unreachable { address: self.0.to_owned(), source };
///         TcpStream::connect(self.0).await.map_err(unreachable)
///     }
/// }
/// ```
pub trait Transport: Send + Sync + 'static {
    /// What carries the bytes of one connection.
    ///
    /// It ends by [`shutdown`](tokio::io::AsyncWriteExt::shutdown) and by being dropped; it has two seconds for the
    /// former.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin;

    /// Makes one connection. It is dropped when that takes longer than
    /// [`Options::connect_timeout`](crate::Options::connect_timeout), and called again, after a while, when the
    /// connection breaks.
    ///
    /// # Errors
    ///
    /// Any [`ConnectError`]; [`ConnectError::is_retryable`] says whether there is another attempt.
    fn connect(&self) -> impl Future<Output = Result<Self::Stream, ConnectError>> + Send;

    /// How far [`Self::connect`] has come. It is asked when that has taken too long.
    fn stage(&self) -> ConnectStage {
        ConnectStage::Transport
    }
}

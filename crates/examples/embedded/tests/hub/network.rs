use core::net::SocketAddr;
use std::io;
use std::sync::Arc;

use embedded::{Fault, Network};
use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use iothub_server::Running;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// TLS to a hub, as rustls does it. Notes how packets begin, and can cut connections.
pub(crate) struct Tls {
    address: SocketAddr,
    connector: TlsConnector,
    /// The first bytes of all packets that were written, by connection.
    pub(crate) written: Vec<Vec<u8>>,
    /// Cuts the first connection as soon as something that begins with that is written.
    pub(crate) cut_at: Option<u8>,
}

impl Tls {
    pub(crate) fn new(hub: &Running) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(hub.ca_pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        Self { address: hub.mqtt_address(), connector, written: Vec::new(), cut_at: None }
    }
}

impl Network for Tls {
    type Reader<'n> = Reader;
    type Writer<'n> = Writer<'n>;

    async fn connect(&mut self) -> Result<(Reader, Writer<'_>), Fault> {
        let broken = |_| Fault::Stream(ErrorKind::Other);
        let tcp = TcpStream::connect(self.address).await.map_err(broken)?;
        let name = ServerName::try_from("localhost").unwrap();
        let (reader, writer) = tokio::io::split(self.connector.connect(name, tcp).await.map_err(broken)?);
        let (cut, is_cut) = watch::channel(false);
        let cut_at = self.cut_at.filter(|_| self.written.is_empty());
        self.written.push(Vec::new());
        let written = self.written.last_mut().unwrap();
        Ok((
            Reader { stream: FromTokio::new(reader), is_cut },
            Writer { stream: FromTokio::new(writer), written, cut_at, cut, begins: true },
        ))
    }
}

pub(crate) struct Reader {
    stream: FromTokio<ReadHalf<TlsStream<TcpStream>>>,
    is_cut: watch::Receiver<bool>,
}

impl ErrorType for Reader {
    type Error = io::Error;
}

impl Read for Reader {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        tokio::select! {
            biased;
            _ = self.is_cut.wait_for(|is_cut| *is_cut) => Ok(0),
            len = self.stream.read(buf) => len,
        }
    }
}

pub(crate) struct Writer<'n> {
    stream: FromTokio<WriteHalf<TlsStream<TcpStream>>>,
    written: &'n mut Vec<u8>,
    cut_at: Option<u8>,
    cut: watch::Sender<bool>,
    /// Whether a packet begins, which is behind each flush: in the middle of one there may be any byte.
    begins: bool,
}

impl ErrorType for Writer<'_> {
    type Error = io::Error;
}

impl Write for Writer<'_> {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let first = buf.first().copied().filter(|_| self.begins);
        self.begins = false;
        self.written.extend(first);
        let cuts = first.is_some() && self.cut_at == first;
        let len = self.stream.write(buf).await?;
        if cuts {
            self.cut.send_replace(true);
        }
        Ok(len)
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.begins = true;
        self.stream.flush().await
    }
}

//! Proxies of a few lines.

use std::sync::{Arc, Mutex};

use iothub_device::Proxy;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// `user:pass`, in base64.
const CODE: &str = "dXNlcjpwYXNz";

/// A proxy on this machine, until it is dropped.
pub(crate) struct Relay {
    pub(crate) port: u16,
    /// What it vouches for itself with, where it is spoken to in TLS.
    pub(crate) ca_pem: Option<String>,
    /// The heads of what it was asked.
    asked: Arc<Mutex<Vec<String>>>,
    cut: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// What a proxy does with who connects.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// Connects to the target, for anybody.
    Open,
    /// Connects to the target for `user:pass`.
    Guarded,
    /// Says this, whatever it is asked, and closes.
    Says(&'static str),
    /// Says this over and over.
    Repeats(&'static str),
    /// Says nothing.
    Silent,
}

impl Relay {
    pub(crate) async fn new(manner: Manner) -> Self {
        Self::with(manner, None).await
    }

    /// One that is spoken to in TLS.
    pub(crate) async fn in_tls(manner: Manner) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let chain = vec![CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let mut relay = Self::with(manner, Some(Arc::new(config).into())).await;
        relay.ca_pem = Some(pem);
        relay
    }

    async fn with(manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let (cut, cuts) = watch::channel(());
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (tls, log, mut cuts) = (tls.clone(), Arc::clone(&log), cuts.clone());
                // Cuts of earlier connections are none of this one's.
                cuts.mark_unchanged();
                let serving = async move {
                    match tls {
                        None => relay(tcp, manner, &log).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(tcp).await {
                                relay(stream, manner, &log).await;
                            }
                        }
                    }
                };
                tokio::spawn(async move {
                    tokio::select! {
                        () = serving => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self { port, ca_pem: None, asked, cut, task }
    }

    pub(crate) fn proxy(&self) -> Proxy {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://user:pass@localhost:{}", self.port).parse().unwrap()
    }

    pub(crate) fn anonymous(&self) -> Proxy {
        format!("localhost:{}", self.port).parse().unwrap()
    }

    /// Ends the connections that go through it. New ones are welcome.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(());
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who is spoken to may hang up at any time.
async fn relay<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, manner: Manner, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    log.lock().unwrap().push(head.clone());
    let is_let_in = head.contains(&format!("\r\nProxy-Authorization: Basic {CODE}\r\n"));
    match manner {
        Manner::Silent => {
            let _ = stream.read_u8().await;
        }
        Manner::Says(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Manner::Repeats(text) => while stream.write_all(text.as_bytes()).await.is_ok() {},
        Manner::Guarded if !is_let_in => {
            let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
            let _ = stream.write_all(refusal.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Manner::Open | Manner::Guarded => {
            let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
            let mut hub = TcpStream::connect(target).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut hub).await;
        }
    }
}

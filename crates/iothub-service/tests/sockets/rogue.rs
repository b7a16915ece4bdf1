use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use iothub_service::{Options, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

use crate::clock;

/// What is done about a request.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// These bytes go back, and the connection stays.
    Answer(String),
    /// The connection is closed without a word.
    Close,
    /// Nothing happens any more.
    Stall,
    /// These bytes go back, and the connection is closed.
    AnswerAndClose(String),
    /// A head, and then more bytes than anybody should read.
    Flood(String),
}

/// A server on this machine that does as it was told, request by request; behind the last deed it stalls.
pub(crate) struct Rogue {
    address: SocketAddr,
    ca_pem: String,
    deeds: Deeds,
    asked: Asked,
}

impl Rogue {
    pub(crate) async fn new(deeds: impl IntoIterator<Item = Deed>) -> Self {
        Self::for_long(deeds, Duration::from_millis(20)).await
    }

    /// One that a test has to do with for so long that time should pass in such steps.
    pub(crate) async fn for_long(deeds: impl IntoIterator<Item = Deed>, step: Duration) -> Self {
        tokio::spawn(clock::pass(step));
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::default();
        let deeds: Deeds = Arc::new(Mutex::new(deeds.into_iter().collect()));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(serve(listener, acceptor, Arc::clone(&deeds), Arc::clone(&asked)));
        Self { address, ca_pem: certificate.pem(), deeds, asked }
    }

    /// Does that as well, behind everything else.
    pub(crate) fn also(&self, deed: Deed) {
        self.deeds.lock().unwrap().push_back(deed);
    }

    pub(crate) fn options(&self) -> Options {
        options(self.address).ca(self.ca_pem.as_bytes()).unwrap()
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn service(&self) -> Service {
        Service::new(self.options()).unwrap()
    }

    /// The first lines of what was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        let heads = self.asked.lock().unwrap();
        heads.iter().map(|(head, _)| head.lines().next().unwrap_or_default().to_owned()).collect()
    }

    /// All that the last request said, in lower case.
    pub(crate) fn last_head(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default().0.to_ascii_lowercase()
    }

    /// The body of the last request.
    pub(crate) fn last_body(&self) -> Vec<u8> {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default().1
    }
}

/// Of a hub at `address`, whom nobody vouches for yet.
pub(crate) fn options(address: SocketAddr) -> Options {
    let text = format!(
        "HostName=localhost:{};SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0",
        address.port()
    );
    Options::from_connection_string(&text).unwrap().address(address)
}

/// A response with a body.
pub(crate) fn response(status: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Heads and bodies of requests.
type Asked = Arc<Mutex<Vec<(String, Vec<u8>)>>>;
type Deeds = Arc<Mutex<VecDeque<Deed>>>;

async fn serve(listener: TcpListener, tls: TlsAcceptor, deeds: Deeds, asked: Asked) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (tls, deeds, asked) = (tls.clone(), Arc::clone(&deeds), Arc::clone(&asked));
        tokio::spawn(async move {
            // Clients that do not believe the certificate end here.
            let Ok(mut stream) = tls.accept(socket).await else { return };
            while let Some(head) = request(&mut stream).await {
                asked.lock().unwrap().push(head);
                let deed = deeds.lock().unwrap().pop_front().unwrap_or(Deed::Stall);
                if answer(&mut stream, deed).await.is_none() {
                    return;
                }
            }
        });
    }
}

async fn answer(stream: &mut TlsStream<TcpStream>, deed: Deed) -> Option<()> {
    match deed {
        Deed::Answer(bytes) => stream.write_all(bytes.as_bytes()).await.ok(),
        Deed::Close => None,
        Deed::Stall => core::future::pending().await,
        Deed::AnswerAndClose(bytes) => {
            stream.write_all(bytes.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
            None
        }
        Deed::Flood(head) => {
            stream.write_all(head.as_bytes()).await.ok()?;
            let block = vec![b' '; 64 * 1024];
            while stream.write_all(&block).await.is_ok() {}
            None
        }
    }
}

/// The head and the body of a request, when all of it has come.
async fn request(stream: &mut TlsStream<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut arrived = Vec::new();
    let head_len = loop {
        if let Some(at) = arrived.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut arrived).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(arrived[..head_len].to_vec()).unwrap();
    let len = head.to_ascii_lowercase();
    let len = len
        .split_once("content-length:")
        .map_or(0, |(_, rest)| rest.lines().next().unwrap().trim().parse::<usize>().unwrap());
    while arrived.len() < head_len + len {
        stream.read_buf(&mut arrived).await.ok()?;
    }
    Some((head, arrived.split_off(head_len)))
}

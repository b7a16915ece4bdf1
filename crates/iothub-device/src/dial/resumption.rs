use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// The last TLS session with one server, to be resumed by the next connection. A device has one connection at a time, so
/// that more would only take memory.
#[derive(Debug, Default)]
pub(super) struct LastSession(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    group: Option<NamedGroup>,
    session: Option<Session>,
}

#[derive(Debug)]
enum Session {
    Tls12(Tls12ClientSessionValue),
    /// Serves once.
    Tls13(Tls13ClientSessionValue),
}

impl LastSession {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for LastSession {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.kept().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept().group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.kept().session = Some(Session::Tls12(value));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        match &self.kept().session {
            Some(Session::Tls12(value)) => Some(value.clone()),
            Some(Session::Tls13(_)) | None => None,
        }
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.kept().session.take_if(|session| matches!(session, Session::Tls12(_)));
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.kept().session = Some(Session::Tls13(value));
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        match self.kept().session.take_if(|session| matches!(session, Session::Tls13(_))) {
            Some(Session::Tls13(value)) => Some(value),
            Some(Session::Tls12(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{HandshakeKind, ServerConfig, SupportedProtocolVersion};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsAcceptor;

    use super::super::tls::Tls;
    use crate::roots::Roots;

    /// A device's TLS, and a server that it trusts.
    fn ends(version: &'static SupportedProtocolVersion) -> (Tls, TlsAcceptor) {
        let made = rcgen::generate_simple_self_signed(["hub".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let roots = Roots::from_pem(certificate.as_bytes()).unwrap();
        (Tls::new("hub", roots, None, None).unwrap(), TlsAcceptor::from(Arc::new(config)))
    }

    #[tokio::test]
    async fn each_connection_resumes_the_session_of_the_one_before() {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let (device, hub) = ends(version);
            for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
                let (near, far) = tokio::io::duplex(16 * 1024);
                let served = async {
                    let mut stream = hub.accept(far).await.unwrap();
                    stream.write_all(b"!").await.unwrap();
                };
                let (stream, ()) = tokio::join!(device.secure(near), served);
                let mut stream = stream.unwrap().unwrap();
                assert_eq!(stream.read_u8().await.unwrap(), b'!');
                assert_eq!(stream.get_ref().1.handshake_kind(), Some(expected), "{version:?}");
            }
        }
    }
}

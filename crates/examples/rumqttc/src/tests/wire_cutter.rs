use core::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Stands between a device and a hub, and cuts the first connection behind so many encrypted records of the device's.
pub(super) struct WireCutter {
    pub(super) port: u16,
    _serving: JoinSet<()>,
}

/// What TLS begins such a record with.
const ENCRYPTED: u8 = 0x17;

impl WireCutter {
    pub(super) async fn new(hub: SocketAddr, records: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut most = Some(records);
            loop {
                let (device, _) = listener.accept().await.unwrap();
                let (from_device, mut to_device) = device.into_split();
                let (mut from_hub, mut to_hub) = TcpStream::connect(hub).await.unwrap().into_split();
                tokio::select! {
                    () = pass(from_device, &mut to_hub, most.take()) => {}
                    _ = tokio::io::copy(&mut from_hub, &mut to_device) => {}
                }
            }
        });
        Self { port, _serving: serving }
    }
}

/// Passes records on, to the end or until there were as many encrypted ones.
async fn pass(mut from: OwnedReadHalf, to: &mut (impl AsyncWriteExt + Unpin), most: Option<usize>) {
    let mut encrypted = 0;
    while most.is_none_or(|most| encrypted < most) {
        let mut head = [0; 5];
        if from.read_exact(&mut head).await.is_err() {
            return;
        }
        let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        from.read_exact(&mut record).await.unwrap();
        to.write_all(&[&head[..], &record].concat()).await.unwrap();
        encrypted += usize::from(head[0] == ENCRYPTED);
    }
}

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use iothub_proto::{FailureClass, Session};
use tokio::io::DuplexStream;

use super::hub::{Hub, Wire, dialects, options};
use crate::address::Address;
use crate::connect_error::ConnectError;
use crate::connect_stage::{ConnectStage, Progress};
use crate::device::Device;
use crate::dial::{Network, reach_hub};
use crate::status::ConnectionStatus;
use crate::transport::Transport;

/// A network whose names are looked up in vain for so many times.
#[derive(Clone)]
struct Names {
    vain: Arc<Mutex<VecDeque<Lookup>>>,
    wire: Arc<Wire>,
}

#[derive(Clone, Copy)]
enum Lookup {
    Fails,
    Hangs,
}

impl Names {
    fn look_up_in_vain(&self, lookup: Lookup, times: usize) {
        self.vain.lock().unwrap().extend(core::iter::repeat_n(lookup, times));
    }
}

impl Network for Names {
    type Stream = DuplexStream;

    async fn resolve(&self, _: &Address) -> io::Result<Vec<SocketAddr>> {
        let lookup = self.vain.lock().unwrap().pop_front();
        match lookup {
            // As the system says it.
            Some(Lookup::Fails) => Err(io::Error::other("failed to lookup address information")),
            Some(Lookup::Hangs) => core::future::pending().await,
            None => Ok(vec![SocketAddr::from(([10, 0, 0, 1], 8883))]),
        }
    }

    async fn connect(&self, _: SocketAddr) -> io::Result<DuplexStream> {
        self.wire.connect().await.map_err(io::Error::other)
    }
}

/// The way to a hub in that network, without TLS.
struct Way {
    names: Names,
    progress: Progress,
}

impl Transport for Way {
    type Stream = DuplexStream;

    async fn connect(&self) -> Result<DuplexStream, ConnectError> {
        reach_hub(&self.names, &"hub1.azure-devices.net:8883".parse().unwrap(), &self.progress).await
    }

    fn stage(&self) -> ConnectStage {
        self.progress.stage()
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_looked_up_is_said_and_looked_up_again() {
    let rows = [
        (Lookup::Fails, "cannot reach hub1.azure-devices.net:8883: failed to lookup address information"),
        (Lookup::Hangs, "not connected within 7s: still waiting for the lookup of the name"),
    ];
    for dialect in dialects() {
        for (lookup, shown) in rows {
            let (mut hub, wire) = Hub::new();
            let names = Names { vain: Arc::default(), wire: Arc::new(wire) };
            let connect = || {
                let way = Way { names: names.clone(), progress: Progress::default() };
                tokio::spawn(Device::connect_over(
                    options(dialect).connect_timeout(Duration::from_secs(7)),
                    way,
                ))
            };
            names.look_up_in_vain(lookup, 1);
            assert_eq!(connect().await.unwrap().unwrap_err().to_string(), shown);

            let connecting = connect();
            let mut connection = hub.arrival().await;
            connection.accept(Session::Fresh).await;
            let (device, connection) = connection.during(connecting).await;
            let device = device.unwrap().unwrap();
            let (mut status, mut changes) = (device.status(), device.status_changes());
            assert!(matches!(changes.next().await.unwrap().status, ConnectionStatus::Connected));
            names.look_up_in_vain(lookup, 2);
            drop(connection);
            for (number, shown) in (1..).zip(["closed by the hub", shown, shown]) {
                let change = changes.next().await.unwrap();
                let ConnectionStatus::Disconnected { cause, class, failures, .. } = change.status else {
                    panic!("{:?}", change.status)
                };
                assert_eq!((cause.to_string().as_str(), failures), (shown, number));
                assert_eq!(class == FailureClass::Unreachable, number > 1, "{class:?}");
            }
            let mut connection = hub.arrival().await;
            connection.accept(Session::Fresh).await;
            assert!(matches!(status.connected_or_closed().await, ConnectionStatus::Connected));
        }
    }
}

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;

use tokio::net::TcpListener;

use crate::error::{Port, StartError};

/// The sockets on which one port is served: one, or one for each of the addresses that `localhost` stands for.
pub(crate) struct Doorway {
    pub(crate) sockets: Vec<TcpListener>,
    /// The address of the first socket. The others have the same port.
    pub(crate) address: SocketAddr,
}

impl Doorway {
    /// Nothing, where that port would be.
    pub(crate) const fn none(number: u16) -> Self {
        Self { sockets: Vec::new(), address: SocketAddr::new(LOOPBACK, number) }
    }

    /// Listens on `ip`, or without one on both loopback addresses; on port 0, on a port that is free.
    pub(crate) async fn open(ip: Option<IpAddr>, number: u16, port: Port) -> Result<Self, StartError> {
        let mut first = listen(SocketAddr::new(ip.unwrap_or(LOOPBACK), number), port).await?;
        if ip.is_some() {
            return Ok(Self { address: first.1, sockets: vec![first.0] });
        }
        let mut attempts = ATTEMPTS;
        loop {
            let (socket, address) = first;
            let second = TcpListener::bind((Ipv6Addr::LOCALHOST, address.port())).await;
            attempts -= 1;
            match second {
                Ok(second) => return Ok(Self { sockets: vec![socket, second], address }),
                Err(error) if is_without_ipv6(&error) => {
                    return Ok(Self { sockets: vec![socket], address });
                }
                // Free in one family and taken in the other.
                Err(error) if is_taken(&error) && number == 0 && attempts > 0 => {
                    let next = listen(SocketAddr::new(LOOPBACK, 0), port).await?;
                    // Let go only now, so that the next one is another.
                    drop(socket);
                    first = next;
                }
                Err(source) => {
                    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()));
                    return Err(StartError::Listen { address, port, source });
                }
            }
        }
    }
}

async fn listen(address: SocketAddr, port: Port) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, port, source };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok((socket, address))
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// Whether this machine, or the container that it is, has no IPv6: there `localhost` stands for one address.
fn is_without_ipv6(error: &io::Error) -> bool {
    /// What `socket` says where the family is switched off: EAFNOSUPPORT of Linux, and of Windows.
    const NO_SUCH_FAMILY: [i32; 3] = [97, 47, 10047];

    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error().is_some_and(|number| NO_SUCH_FAMILY.contains(&number))
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How many ports are tried before it is said that none is free.
const ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_one_port_on_each_of_its_addresses() {
        let doorway = Doorway::open(None, 0, Port::Mqtt).await.unwrap();
        let ports: Vec<u16> =
            doorway.sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == doorway.address.port()), "{ports:?}");
        // The machine says itself whether there is a second address.
        let has_ipv6 = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        assert_eq!(ports.len(), if has_ipv6 { 2 } else { 1 });
    }

    #[tokio::test]
    async fn a_given_port_that_others_have_on_one_of_the_addresses_is_taken() {
        let Ok(other) = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
        let taken = other.local_addr().unwrap();
        match Doorway::open(None, taken.port(), Port::Https).await {
            // Somebody has it on the other address, too.
            Err(StartError::Listen { address, .. }) => assert_eq!(address.port(), taken.port()),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("both addresses of {taken} are served"),
        }
    }

    #[tokio::test]
    async fn a_given_address_is_the_only_one() {
        let doorway = Doorway::open(Some(LOOPBACK), 0, Port::Mqtt).await.unwrap();
        assert_eq!(doorway.sockets.len(), 1);
    }
}

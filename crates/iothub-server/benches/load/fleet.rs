use std::rc::Rc;

use crate::link::Link;
use crate::target::{Target, device_name};

/// Connects that many devices, a few at a time, and gives their connections.
pub(crate) async fn connect_all(target: &Rc<Target>, first: u64, count: u64) -> Vec<Link> {
    let mut links = Vec::new();
    for begin in (0..count).step_by(AT_A_TIME) {
        let numbers = begin..count.min(begin + AT_A_TIME as u64);
        let tasks: Vec<_> = numbers
            .map(|number| {
                let target = Rc::clone(target);
                tokio::task::spawn_local(
                    async move { Link::connect(&target, &device_name(first + number)).await },
                )
            })
            .collect();
        for task in tasks {
            links.push(task.await.unwrap());
        }
    }
    links
}

/// Connections that are being made at a time.
const AT_A_TIME: usize = 16;

//! Operations that are given up, each at each of its steps.

use core::pin::Pin;

use bytes::Bytes;
use iothub_codec::Status;
use serde_json::json;

use super::hub::{Connection, Did, Hub, dialects, options};
use super::reporting::acknowledge;
use super::twin::answer;
use crate::device::Device;
use crate::message::Message;

const TWIN: &[u8] = br#"{"desired":{"$version":3},"reported":{"$version":1}}"#;

/// Does all that is asked for, until the device is closed; gives the messages that came.
async fn obey(mut connection: Connection) -> Vec<Vec<u8>> {
    let (mut came, mut version) = (Vec::new(), 1);
    loop {
        match connection.next().await {
            Did::Telemetry { ack, payload, duplicate } => {
                assert!(!duplicate);
                came.push(payload);
                connection.acknowledge(ack.unwrap()).await;
            }
            Did::TwinGet { request, .. } => answer(&mut connection, request, TWIN).await,
            Did::TwinPatch { request, .. } => {
                version += 1;
                acknowledge(&mut connection, request, Status::SUCCESS, Some(version)).await;
            }
            Did::SaidGoodbye => return came,
            did @ (Did::Answered { .. }
            | Did::Declined(_)
            | Did::AnsweredAgain
            | Did::Completed(_)
            | Did::Acknowledged(_)
            | Did::Abandoned(_)
            | Did::Rejected(_)
            | Did::Renews(_)
            | Did::GaveUp(_)
            | Did::Closed) => panic!("{did:?}"),
        }
    }
}

type Operation = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One of each kind; those that send have that payload.
fn operations(device: &Device, payload: &str) -> Vec<Operation> {
    let message = |kind: &str| Message::new(format!("{kind} {payload}"));
    let of = || (device.clone(), device.twin());
    let ((sending, got), (enqueueing, reported)) = (of(), of());
    let ((listening, followed), (commanded, copied)) = (of(), of());
    let (sent, enqueued) = (message("sent"), message("enqueued"));
    vec![
        Box::pin(async move { sending.send(sent).await.unwrap() }),
        Box::pin(async move { enqueueing.enqueue(enqueued).await.await.unwrap() }),
        Box::pin(async move { drop(got.get().await.unwrap()) }),
        Box::pin(async move { assert!(reported.report(&json!({ "t": 1 })).await.is_ok()) }),
        Box::pin(async move { drop(listening.methods().await.unwrap().next().await) }),
        Box::pin(async move { commanded.on_command(async |_: Bytes, _| Ok(())).await.unwrap() }),
        Box::pin(async move { drop(followed.desired_changes().await.unwrap().next().await.unwrap()) }),
        Box::pin(async move {
            let mut replica = copied.replica().await.unwrap();
            let reporter = replica.reporter();
            assert!(reporter.report(&json!({ "r": 1 })).await.is_ok());
            reporter.flush().await.unwrap();
            drop(replica.changed().await.unwrap());
        }),
    ]
}

#[tokio::test(start_paused = true)]
async fn whatever_is_given_up_at_whatever_step_takes_no_room_and_is_done_once_at_most() {
    for dialect in dialects() {
        let options = options(dialect).window(1).waiting_messages(1).keep_alive(0);
        let (_hub, device, connection) = Hub::with_device(options).await;
        let obeying = tokio::spawn(obey(connection));
        for steps in 0..16 {
            // All of them side by side, and each for itself.
            let mut all = operations(&device, &format!("{steps} together"));
            for step in 0..=steps {
                others_run(step).await;
                for operation in &mut all {
                    once(operation).await;
                }
            }
            drop(all);
            for mut operation in operations(&device, &format!("{steps} alone")) {
                for step in 0..=steps {
                    others_run(step).await;
                    if once(&mut operation).await {
                        break;
                    }
                }
            }
        }
        // Everything can be done by as many as ever.
        let getting: Vec<_> = (0..8)
            .map(|_| {
                let twin = device.twin();
                tokio::spawn(async move { twin.get().await })
            })
            .collect();
        for got in getting {
            got.await.unwrap().unwrap();
        }
        for last in ["last", "very last"] {
            device.send(Message::new(last)).await.unwrap();
        }
        device.try_enqueue(Message::new("room")).unwrap().await.unwrap();
        device.close().await;
        let came = obeying.await.unwrap();
        for (at, payload) in came.iter().enumerate() {
            assert!(!came[..at].contains(payload), "{} came twice", String::from_utf8_lossy(payload));
        }
        assert!(came.len() > 32 && came.contains(&b"very last".to_vec()), "{} came", came.len());
    }
}

/// Lets the device and its hub do something before each step but the first.
async fn others_run(step: usize) {
    if step > 0 {
        tokio::task::yield_now().await;
    }
}

/// Polls it once, and says whether it has ended; what has is not polled again.
async fn once(operation: &mut Operation) -> bool {
    let has_ended = tokio::select! {
        biased;
        () = operation.as_mut() => true,
        () = core::future::ready(()) => false,
    };
    if has_ended {
        *operation = Box::pin(core::future::pending());
    }
    has_ended
}

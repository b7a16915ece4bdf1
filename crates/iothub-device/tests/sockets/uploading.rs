//! Files get from a device to a hub, over connections that break.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use iothub_device::{Device, Source, UploadError, UploadState, Uploads};
use iothub_server::FileSettings;
use iothub_test::{Faults, TestHub};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::captured::Captured;
use crate::site::DEVICE;

const BLOCK: usize = 64 * 1024;

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect()
}

async fn uploads(hub: &TestHub) -> Uploads {
    Uploads::new(hub.device(DEVICE).await)
}

/// What the hub has of a file.
async fn content(hub: &TestHub, name: &str) -> Vec<u8> {
    hub.service().download_file(&format!("{DEVICE}/{name}")).await.unwrap().bytes().await.unwrap().to_vec()
}

/// How many more uploads the hub lets the device begin.
async fn room(hub: &TestHub) -> usize {
    let uploads = uploads(hub).await;
    let mut states = Vec::new();
    for n in 0..11 {
        // It begins and fails before its end, so that it is left open.
        let upload = uploads.upload(format!("room/{n}"), failing(b"x")).block_len(1).resumable();
        match upload.await {
            Err(failed) if matches!(failed.error, UploadError::Source(_)) => {
                states.push(*failed.state.unwrap())
            }
            Err(failed) => {
                assert!(
                    failed.to_string().contains("DeviceMaximumActiveFileUploadLimitExceeded"),
                    "{failed}"
                );
                break;
            }
            Ok(uploaded) => panic!("{uploaded:?}"),
        }
    }
    let count = states.len();
    for state in states {
        uploads.give_up(state).await.unwrap();
    }
    count
}

/// Some bytes, and then an error.
fn failing(bytes: &'static [u8]) -> Source {
    Source::stream(AsyncReadExt::chain(bytes, Broken))
}

struct Broken;

impl tokio::io::AsyncRead for Broken {
    fn poll_read(
        self: core::pin::Pin<&mut Self>,
        _: &mut core::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> core::task::Poll<std::io::Result<()>> {
        core::task::Poll::Ready(Err(std::io::Error::other("the sensor is gone")))
    }
}

#[tokio::test]
async fn a_file_of_any_kind_and_length_arrives_as_it_is() {
    let hub = TestHub::start().await;
    let uploads = uploads(&hub).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, len) in [("empty", 0), ("one", 1), ("just", 3 * BLOCK), ("a b/ä%2F#?.bin", 3 * BLOCK + 1)] {
        let (whole, path) = (bytes(len), folder.path().join("file"));
        std::fs::write(&path, &whole).unwrap();
        let stream = Source::stream(std::io::Cursor::new(whole.clone()));
        for source in [Source::file(&path), whole.clone().into(), stream] {
            let shown = format!("{name} {source:?}");
            let upload = uploads.upload(name, source).block_len(BLOCK).parallel(3).content_type("text/x");
            let uploaded = upload.await.unwrap();
            assert_eq!(
                (uploaded.blob_name, uploaded.len),
                (format!("{DEVICE}/{name}"), len as u64),
                "{shown}"
            );
            assert!(content(&hub, name).await == whole, "{shown}");
            let notification =
                hub.service().receive_file_notification().await.unwrap().expect("one is there");
            assert_eq!(notification.record.blob_size_in_bytes, len as u64, "{shown}");
            hub.service().complete_file_notification(&notification).await.unwrap();
        }
    }
    let listed = hub.service().list_files("").await.unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|file| file.content_type.as_deref() == Some("text/x")), "{listed:?}");
    assert_eq!(room(&hub).await, 10, "the end of each was told");
}

#[tokio::test]
async fn the_device_that_is_connected_uploads_as_well() {
    let hub = TestHub::start().await;
    let device = Device::connect(hub.device(DEVICE).await).await.unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&sent);
    let upload = device.upload("f", bytes(2 * BLOCK)).block_len(BLOCK).parallel(1);
    upload.on_progress(move |progress| told.lock().unwrap().push(progress.sent)).await.unwrap();
    let block = BLOCK as u64;
    assert_eq!(*sent.lock().unwrap(), [block, 2 * block, 2 * block]);
}

#[tokio::test]
async fn an_upload_that_fails_or_is_dropped_is_told_as_a_failure() {
    let hub = TestHub::start().await;
    let uploads = uploads(&hub).await;
    for n in 0..12 {
        let failed = uploads.upload(format!("{n}"), failing(b"some"));
        let failed = failed.block_len(2).await.unwrap_err();
        assert!(matches!(failed.error, UploadError::Source(_)) && failed.state.is_none(), "{failed:?}");
    }
    for n in 0..12 {
        // It has begun when it waits for more.
        let (mut writer, reader) = tokio::io::duplex(64);
        writer.write_all(&[7; 8]).await.unwrap();
        let (said, begun) = tokio::sync::oneshot::channel();
        let mut said = Some(said);
        let upload = uploads.upload(format!("dropped/{n}"), Source::stream(reader)).block_len(4);
        let upload = upload.on_progress(move |_| {
            if let Some(said) = said.take() {
                said.send(()).unwrap();
            }
        });
        tokio::select! {
            outcome = upload.into_future() => panic!("{outcome:?}"),
            () = async { begun.await.unwrap() } => {}
        }
        drop(writer);
        // What was dropped is told by a task of its own.
        while room(&hub).await < 10 {}
    }
}

#[tokio::test]
async fn a_failure_is_told_also_when_the_network_was_what_failed() {
    let hub = TestHub::start().await;
    let (mut writer, reader) = tokio::io::duplex(64);
    writer.write_all(&[7; 8]).await.unwrap();
    let (said, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let upload = uploads(&hub).await.upload("dropped", Source::stream(reader)).block_len(4);
    let upload = upload.on_progress(move |_| said.send(()).unwrap());
    tokio::select! {
        outcome = upload.into_future() => panic!("{outcome:?}"),
        () = async { begun.recv().await.unwrap() } => hub.faults().cut_after(50),
    }
    // What was dropped is told, and has to be told again.
    while hub.faults().broken() == 0 {
        tokio::task::yield_now().await;
    }
    let told = async { while room(&hub).await < 10 {} };
    tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
}

#[tokio::test]
async fn connections_that_break_half_way_cost_no_byte() {
    let hub = TestHub::start().await;
    let whole = bytes(20 * BLOCK + 5);
    let (faults, mut cuts) =
        (hub.faults().clone(), [90_000, 70_000, 1_000, 200_000, 65_000, 300].into_iter());
    faults.cut_after(2_000);
    let upload = uploads(&hub).await.upload("f", whole.clone()).block_len(BLOCK).parallel(3);
    // After each block the next cut is on its way.
    let upload = upload.on_progress(move |_| cuts.by_ref().take(1).for_each(|bytes| faults.cut_after(bytes)));
    let uploaded = upload.await.unwrap();
    assert_eq!(uploaded.len, whole.len() as u64);
    assert!(hub.faults().broken() >= 3, "{}", hub.faults().broken());
    assert!(content(&hub, "f").await == whole);
    assert!(hub.service().receive_file_notification().await.unwrap().is_some());
}

#[tokio::test]
async fn a_hub_that_is_restarted_goes_on_with_an_upload_where_it_was() {
    let hub = TestHub::builder().durable().start().await;
    let whole = bytes(20 * BLOCK);
    let (said, begun) = tokio::sync::oneshot::channel();
    let (mut said, sent) = (Some(said), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&sent);
    let upload = uploads(&hub).await.upload("f", whole.clone()).block_len(BLOCK).parallel(1);
    let upload = upload.on_progress(move |progress| {
        told.lock().unwrap().push(progress.sent);
        if let Some(said) = said.take() {
            said.send(()).unwrap();
        }
    });
    let restart = async {
        begun.await.unwrap();
        hub.restart().await;
    };
    let (uploaded, ()) = tokio::join!(upload.into_future(), restart);
    assert_eq!(uploaded.unwrap().len, whole.len() as u64);
    assert!(content(&hub, "f").await == whole);
    assert_eq!(room(&hub).await, 10);
    let sent = sent.lock().unwrap();
    assert!(sent.is_sorted(), "what the hub had it has still: {sent:?}");
}

#[tokio::test]
async fn an_upload_goes_on_in_another_process() {
    let hub = TestHub::start().await;
    let whole = bytes(10 * BLOCK);
    let uploads = uploads(&hub).await;
    // The connection ends for good after some blocks.
    let faults = hub.faults().clone();
    let upload = uploads.upload("f", whole.clone()).block_len(BLOCK).parallel(1).resumable();
    let upload = upload.on_progress(move |progress| {
        if progress.sent > 3 * BLOCK as u64 {
            faults.refuse_connections();
            faults.cut();
        }
    });
    let failed = upload.deadline(Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(failed.error, UploadError::TimedOut { .. }), "{failed}");
    hub.faults().calm();
    let kept = serde_json::to_string(&failed.state.unwrap()).unwrap();
    let kept = || serde_json::from_str::<UploadState>(&kept).unwrap();
    assert_eq!(kept().name(), "f");

    let other = uploads.resume(kept(), bytes(9 * BLOCK)).await.unwrap_err();
    assert!(matches!(other.error, UploadError::SourceChanged), "{other}");
    assert_eq!(other.state.as_deref(), Some(&kept()), "nothing was done with it");
    let gone = uploads.resume(kept(), Source::file("/nowhere")).await.unwrap_err();
    assert!(matches!(gone.error, UploadError::Source(_)) && gone.state.is_some(), "{gone}");
    let first = Arc::new(Mutex::new(None));
    let told = Arc::clone(&first);
    let upload = uploads.resume(kept(), whole.clone());
    let upload = upload.on_progress(move |progress| {
        told.lock().unwrap().get_or_insert(progress.sent);
    });
    upload.await.unwrap();
    assert!(first.lock().unwrap().unwrap() > 3 * BLOCK as u64, "it does not begin anew");
    assert!(content(&hub, "f").await == whole);
}

#[tokio::test]
async fn a_stream_that_is_resumed_is_as_long_as_it_is() {
    let hub = TestHub::start().await;
    let (uploads, whole) = (uploads(&hub).await, bytes(3 * BLOCK));
    let kept = Arc::new(Mutex::new(None));
    let told = Arc::clone(&kept);
    // All blocks are there when it is dropped: the stream did not say that it ends.
    let (mut writer, reader) = tokio::io::duplex(whole.len());
    writer.write_all(&whole).await.unwrap();
    let upload = uploads.upload("f", Source::stream(reader)).block_len(BLOCK).parallel(1).resumable();
    let (said, enough) = tokio::sync::oneshot::channel();
    let mut said = Some(said);
    let upload = upload.on_progress(move |progress| {
        if progress.sent == 3 * BLOCK as u64 {
            *told.lock().unwrap() = Some(progress.state.clone());
            said.take().unwrap().send(()).unwrap();
        }
    });
    tokio::select! {
        outcome = upload.into_future() => panic!("{outcome:?}"),
        () = async { enough.await.unwrap() } => {}
    }
    let state: UploadState = kept.lock().unwrap().take().unwrap();
    let uploaded = uploads.resume(state, Source::stream(std::io::Cursor::new(whole.clone()))).await.unwrap();
    assert_eq!(uploaded.len, whole.len() as u64);
    assert!(content(&hub, "f").await == whole);
}

#[tokio::test]
async fn access_that_is_no_good_any_longer_is_asked_for_anew() {
    let hub = TestHub::start().await;
    let whole = bytes(4 * BLOCK);
    let uploads = uploads(&hub).await;
    let kept = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&kept);
    let upload = uploads.upload("f", whole.clone()).block_len(BLOCK);
    let upload = upload.on_progress(move |progress| {
        let mut kept = told.lock().unwrap();
        if kept.is_empty() {
            *kept = serde_json::to_string(progress.state).unwrap();
        }
    });
    upload.await.unwrap();
    // As if it had expired, or the hub had another key by now; and its blocks are gone.
    let kept = kept.lock().unwrap().replace("sig=", "sig=A");
    let state: UploadState = serde_json::from_str(&kept).unwrap();
    let uploaded = uploads.resume(state.clone(), whole.clone()).await.unwrap();
    assert_eq!(uploaded.len, whole.len() as u64);
    assert!(content(&hub, "f").await == whole);
    // What is read once only cannot be sent again.
    let stream = Source::stream(std::io::Cursor::new(whole.clone()));
    let upload = uploads.upload("g", Source::stream(std::io::Cursor::new(whole))).block_len(BLOCK);
    upload.await.unwrap();
    let failed = uploads.resume(state, stream).await.unwrap_err();
    assert!(matches!(failed.error, UploadError::SourceChanged | UploadError::BlocksLost), "{failed}");
    assert_eq!(room(&hub).await, 10, "none is left open");
}

#[tokio::test]
async fn what_the_hub_does_not_take_is_said() {
    let settings = FileSettings::default().with_file_len_max(3 * BLOCK as u64);
    let hub = TestHub::builder().options(|options| options.files = Some(settings)).start().await;
    let uploads = uploads(&hub).await;
    for (name, len, shown) in [
        ("../x", 1, "the hub refuses with 400 ArgumentInvalid"),
        ("", 1, "the hub refuses with 400 ArgumentInvalid"),
        ("long", 4 * BLOCK, "the storage refuses with 413 RequestBodyTooLarge"),
    ] {
        let failed = uploads.upload(name, bytes(len)).block_len(BLOCK).await.unwrap_err();
        assert!(failed.to_string().starts_with(shown), "{name}: {failed}");
    }
    // The hub says so before such a block has come, and closes while it comes.
    let failed = uploads.upload("long", bytes(9 * 1024 * 1024)).await.unwrap_err();
    assert!(failed.to_string().starts_with("the storage refuses with 413 RequestBodyTooLarge"), "{failed}");
    let many = uploads.upload("many", bytes(10_001)).block_len(1).parallel(16);
    let failed = many.await.unwrap_err();
    assert!(matches!(failed.error, UploadError::TooLong { blocks_max: 10_000 }), "{failed}");
    let gone = uploads.upload("gone", Source::file("/nowhere")).await.unwrap_err();
    assert!(matches!(gone.error, UploadError::Source(_)), "{gone}");
    assert_eq!(room(&hub).await, 10);

    let hub = TestHub::builder().options(|options| options.files = None).start().await;
    let failed = self::uploads(&hub).await.upload("f", "x").await.unwrap_err();
    assert!(failed.to_string().contains("400 DefaultStorageEndpointNotConfigured"), "{failed}");
}

#[tokio::test]
async fn no_secret_and_no_byte_of_a_file_is_told() {
    const CONFIDENTIAL: &str = "confidential";
    let (captured, _guard) = Captured::begin();
    let hub = TestHub::start().await;
    let uploads = uploads(&hub).await;
    uploads.upload("f", CONFIDENTIAL).await.unwrap();
    uploads.upload("f", failing(CONFIDENTIAL.as_bytes())).block_len(4).await.unwrap_err();
    // The way to the hub ends together with the file.
    let source = AsyncReadExt::chain(CONFIDENTIAL.as_bytes(), Ending(hub.faults().clone()));
    uploads.upload("f", Source::stream(source)).block_len(4).await.unwrap_err();
    let untold = async {
        while !captured.has("upload_unannounced", "DEBUG", &[]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), untold).await.unwrap();
    let told = captured.text();
    let string = hub.device(DEVICE).string().await;
    let key = string.split("SharedAccessKey=").nth(1).unwrap();
    for secret in [key, "SharedAccess", "sig=", CONFIDENTIAL] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

/// Ends every way to the hub, and fails.
struct Ending(Faults);

impl tokio::io::AsyncRead for Ending {
    fn poll_read(
        self: core::pin::Pin<&mut Self>,
        _: &mut core::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> core::task::Poll<std::io::Result<()>> {
        self.0.refuse_connections();
        self.0.cut();
        core::task::Poll::Ready(Err(std::io::Error::other("the sensor is gone")))
    }
}

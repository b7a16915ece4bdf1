//! Files get from a device to a hub, over connections that break.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use iothub_device::{Options, Source, UploadError, UploadState, Uploads};
use iothub_server::FileSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::captured::Captured;
use crate::site::{DEVICE, Site};

const BLOCK: usize = 64 * 1024;

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect()
}

fn options(site: &Site) -> Options {
    site.options().https_port(site.hub.https_address().port())
}

fn uploads(site: &Site) -> Uploads {
    Uploads::new(options(site))
}

/// What the hub has of a file.
async fn content(site: &Site, name: &str) -> Vec<u8> {
    site.service.download_file(&format!("{DEVICE}/{name}")).await.unwrap().bytes().await.unwrap().to_vec()
}

/// How many more uploads the hub lets the device begin.
async fn room(site: &Site) -> usize {
    let uploads = uploads(site);
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
    let site = Site::new().await;
    let uploads = uploads(&site);
    let folder = crate::site::Scratch::new("uploading");
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
            assert!(content(&site, name).await == whole, "{shown}");
            let notification = site.service.receive_file_notification().await.unwrap().expect("one is there");
            assert_eq!(notification.record.blob_size_in_bytes, len as u64, "{shown}");
            site.service.complete_file_notification(&notification).await.unwrap();
        }
    }
    let listed = site.service.list_files("").await.unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|file| file.content_type.as_deref() == Some("text/x")), "{listed:?}");
    assert_eq!(room(&site).await, 10, "the end of each was told");
}

#[tokio::test]
async fn the_device_that_is_connected_uploads_as_well() {
    let site = Site::new().await;
    let device = iothub_device::Device::connect(options(&site)).await.unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&sent);
    let upload = device.upload("f", bytes(2 * BLOCK)).block_len(BLOCK).parallel(1);
    upload.on_progress(move |progress| told.lock().unwrap().push(progress.sent)).await.unwrap();
    let block = BLOCK as u64;
    assert_eq!(*sent.lock().unwrap(), [block, 2 * block, 2 * block]);
}

#[tokio::test]
async fn an_upload_that_fails_or_is_dropped_is_told_as_a_failure() {
    let site = Site::new().await;
    let uploads = uploads(&site);
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
        while room(&site).await < 10 {}
    }
}

/// A proxy that lets so many bytes pass, and cuts the connection then: connection by connection.
async fn cutting(site: &Site, cuts: Vec<u64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, hub) = (listener.local_addr().unwrap().port(), site.hub.https_address());
    tokio::spawn(async move {
        let mut cuts = cuts.into_iter();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(hub).await.unwrap();
            let limit = cuts.next().unwrap_or(u64::MAX);
            tokio::spawn(async move {
                let (near_read, mut near_write) = near.split();
                let (mut far_read, mut far_write) = far.split();
                let mut near_read = near_read.take(limit);
                tokio::select! {
                    _ = tokio::io::copy(&mut near_read, &mut far_write) => {}
                    _ = tokio::io::copy(&mut far_read, &mut near_write) => {}
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn connections_that_break_half_way_cost_no_byte() {
    let site = Site::new().await;
    let cuts = vec![2_000, 90_000, 70_000, 1_000, 200_000, 65_000, 300, 150_000];
    let port = cutting(&site, cuts).await;
    let whole = bytes(20 * BLOCK + 5);
    let uploads = Uploads::new(site.options().https_port(port));
    let uploaded = uploads.upload("f", whole.clone()).block_len(BLOCK).parallel(3).await.unwrap();
    assert_eq!(uploaded.len, whole.len() as u64);
    assert!(content(&site, "f").await == whole);
    assert!(site.service.receive_file_notification().await.unwrap().is_some());
}

#[tokio::test]
async fn an_upload_goes_on_in_another_process() {
    let site = Site::new().await;
    let whole = bytes(10 * BLOCK);
    // The connection ends for good after some blocks.
    let port = cutting(&site, [vec![5 * BLOCK as u64], vec![0; 1000]].concat()).await;
    let broken = Uploads::new(site.options().https_port(port));
    let upload = broken.upload("f", whole.clone()).block_len(BLOCK).parallel(1).resumable();
    let failed = upload.deadline(Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(failed.error, UploadError::TimedOut { .. }), "{failed}");
    let kept = serde_json::to_string(&failed.state.unwrap()).unwrap();

    let state: UploadState = serde_json::from_str(&kept).unwrap();
    assert_eq!(state.name(), "f");
    let first = Arc::new(Mutex::new(None));
    let told = Arc::clone(&first);
    let uploads = uploads(&site);
    // The proxy is where the hub was called: what it gave is for there.
    let kept = kept.replace(&format!(":{port}"), &format!(":{}", site.hub.https_address().port()));
    let other = uploads.resume(serde_json::from_str(&kept).unwrap(), bytes(9 * BLOCK)).await.unwrap_err();
    assert!(matches!(other.error, UploadError::SourceChanged), "{other}");
    let upload = uploads.resume(serde_json::from_str(&kept).unwrap(), whole.clone());
    let upload = upload.on_progress(move |progress| {
        told.lock().unwrap().get_or_insert(progress.sent);
    });
    upload.await.unwrap();
    assert!(first.lock().unwrap().unwrap() > 2 * BLOCK as u64, "it does not begin anew");
    assert!(content(&site, "f").await == whole);
}

#[tokio::test]
async fn access_that_is_no_good_any_longer_is_asked_for_anew() {
    let site = Site::new().await;
    let whole = bytes(4 * BLOCK);
    let uploads = uploads(&site);
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
    assert!(content(&site, "f").await == whole);
    // What is read once only cannot be sent again.
    let stream = Source::stream(std::io::Cursor::new(whole.clone()));
    let upload = uploads.upload("g", Source::stream(std::io::Cursor::new(whole))).block_len(BLOCK);
    upload.await.unwrap();
    let failed = uploads.resume(state, stream).await.unwrap_err();
    assert!(matches!(failed.error, UploadError::SourceChanged | UploadError::BlocksLost), "{failed}");
    assert_eq!(room(&site).await, 10, "none is left open");
}

#[tokio::test]
async fn what_the_hub_does_not_take_is_said() {
    let settings = FileSettings::default().with_file_len_max(3 * BLOCK as u64);
    let options = iothub_server::Options { files: Some(settings), ..iothub_server::Options::free_ports() };
    let site = Site::with(options).await;
    let uploads = uploads(&site);
    for (name, len, shown) in [
        ("../x", 1, "the hub refuses with 400 ArgumentInvalid"),
        ("", 1, "the hub refuses with 400 ArgumentInvalid"),
        ("long", 4 * BLOCK, "the storage refuses with 413 RequestBodyTooLarge"),
    ] {
        let failed = uploads.upload(name, bytes(len)).block_len(BLOCK).await.unwrap_err();
        assert!(failed.to_string().starts_with(shown), "{name}: {failed}");
    }
    let many = uploads.upload("many", bytes(10_001)).block_len(1).parallel(16);
    let failed = many.await.unwrap_err();
    assert!(matches!(failed.error, UploadError::TooLong { blocks_max: 10_000 }), "{failed}");
    let gone = uploads.upload("gone", Source::file("/nowhere")).await.unwrap_err();
    assert!(matches!(gone.error, UploadError::Source(_)), "{gone}");
    assert_eq!(room(&site).await, 10);

    let without = iothub_server::Options { files: None, ..iothub_server::Options::free_ports() };
    let site = Site::with(without).await;
    let failed = self::uploads(&site).upload("f", "x").await.unwrap_err();
    assert!(failed.to_string().contains("400 DefaultStorageEndpointNotConfigured"), "{failed}");
}

#[tokio::test]
async fn no_secret_and_no_byte_of_a_file_is_told() {
    const CONFIDENTIAL: &str = "confidential";
    let (captured, _guard) = Captured::begin();
    let site = Site::new().await;
    uploads(&site).upload("f", CONFIDENTIAL).await.unwrap();
    uploads(&site).upload("f", failing(CONFIDENTIAL.as_bytes())).block_len(4).await.unwrap_err();
    // The way to the hub ends together with the file.
    let (ends, port) = ending(&site).await;
    let cut_off = Uploads::new(site.options().https_port(port));
    let source = Source::stream(AsyncReadExt::chain(CONFIDENTIAL.as_bytes(), Ending(ends)));
    cut_off.upload("f", source).block_len(4).await.unwrap_err();
    let untold = async {
        while !captured.has("upload_unannounced", "DEBUG", &[]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), untold).await.unwrap();
    let told = captured.text();
    let string = site.hub.device_connection_string().unwrap();
    let key = string.split("SharedAccessKey=").nth(1).unwrap();
    for secret in [key, "SharedAccess", "sig=", CONFIDENTIAL] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

/// A proxy that lets nothing pass from when that is said.
async fn ending(site: &Site) -> (watch::Sender<bool>, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, hub) = (listener.local_addr().unwrap().port(), site.hub.https_address());
    let (ends, ended) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut ended = ended.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(hub).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = ended.wait_for(|is_over| *is_over) => {}
                }
            });
        }
    });
    (ends, port)
}

/// Ends the proxy, and fails.
struct Ending(watch::Sender<bool>);

impl tokio::io::AsyncRead for Ending {
    fn poll_read(
        self: core::pin::Pin<&mut Self>,
        _: &mut core::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> core::task::Poll<std::io::Result<()>> {
        self.0.send_replace(true);
        core::task::Poll::Ready(Err(std::io::Error::other("the sensor is gone")))
    }
}

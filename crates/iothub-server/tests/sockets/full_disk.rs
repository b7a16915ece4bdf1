//! Files of devices on a disk that becomes full. Only root can make a small one: for others nothing is tried.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use iothub_server::{Options, Running};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::filing::{BLOCK_BLOB, begin, code, end, files, get, place, put, until};
use crate::peers::*;

const MIB: usize = 1024 * 1024;

/// A file system of that many bytes in memory, until it is dropped.
struct Disk(Scratch);

impl Disk {
    fn new(name: &str, bytes: usize) -> Option<Self> {
        let scratch = Scratch::new(name);
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=700"), "tmpfs"]).arg(scratch.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(scratch))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> usize {
        let system = rustix::fs::statvfs(self.path()).unwrap();
        usize::try_from(system.f_bavail * system.f_frsize).unwrap()
    }

    /// Takes all room but that, until what is returned is removed.
    fn fill_but(&self, left: usize) -> Filler<'_> {
        let filler = Filler(self);
        let mut file = File::create(filler.path()).unwrap();
        while let Some(more @ 1..) = self.free().checked_sub(left) {
            file.write_all(&vec![7; more.min(MIB)]).unwrap();
        }
        filler
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Somebody may still have a file open: it goes with the last of them.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

struct Filler<'d>(&'d Disk);

impl Filler<'_> {
    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for Filler<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path());
    }
}

/// Begins to send a file.
async fn announce(hub: &Running, place: &str, len: usize) -> Tls {
    let mut stream = secure(hub, hub.https_address()).await;
    let head =
        format!("PUT {place} HTTP/1.1\r\nhost: localhost\r\n{BLOCK_BLOB}content-length: {len}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

/// The answer, which is that there is no room.
async fn refusal(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = String::new();
    soon(async {
        while !answer.ends_with("</Error>") {
            answer.push(char::from(stream.read_u8().await.unwrap()));
        }
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 507 "), "{answer}");
    answer
}

#[tokio::test]
async fn what_finds_no_room_is_refused_in_so_many_words_leaves_nothing_and_the_hub_goes_on() {
    let Some(disk) = Disk::new("full", 48 * MIB) else {
        return println!("not tried: only root can mount a small disk");
    };
    let data = disk.path().join("data");
    let folder = data.join("files");
    let hub = start(Options { data: Some(data), ..options() }).await;
    let access = begin(&hub, "f").await;
    let place = place(&access);
    let room = (507, "insufficientstorage".to_owned());

    // What is announced and has no room is not waited for.
    let mut stream = announce(&hub, &place, 40 * MIB).await;
    let refusal = refusal(&mut stream).await;
    assert!(refusal.contains("the disk of the hub has no room for it"), "{refusal}");

    // Others take the room while it is on its way.
    let stream = announce(&hub, &place, 4 * MIB).await;
    until(|| files(&folder).len() == 1).await;
    let filler = disk.fill_but(MIB / 2);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let rest = vec![1; 4 * MIB];
    let (_, refusal) = tokio::join!(writer.write_all(&rest), self::refusal(&mut reader));
    assert!(refusal.contains("the disk of the hub is full"), "{refusal}");
    until(|| files(&folder).is_empty()).await;
    drop((reader, writer, filler));

    // Parts have no room beside the file that they become.
    for id in ["MDE%3D", "MDI%3D"] {
        let block = format!("{place}&comp=block&blockid={id}");
        assert_eq!(put(&hub, &block, "", &"x".repeat(4 * MIB)).await.status, 201);
    }
    let commit = format!("{place}&comp=blocklist");
    let list = "<BlockList><Latest>MDE=</Latest><Latest>MDI=</Latest></BlockList>";
    let filler = disk.fill_but(MIB / 2);
    let reply = put(&hub, &commit, "", list).await;
    assert_eq!((reply.status, code(&reply)), room, "{reply:?}");
    assert_eq!(files(&folder).len(), 2, "the parts, and nothing else");
    drop(filler);
    // The hub looks whether there is room when it records something.
    soon(async { while put(&hub, &commit, "", list).await.status != 201 {} }).await;
    assert_eq!(get(&hub, &place, "").await.body.len(), 8 * MIB);
    assert_eq!(end(&hub, &access, true).await, 204);
    until(|| files(&folder).len() == 2).await;
    hub.stop().await;
}

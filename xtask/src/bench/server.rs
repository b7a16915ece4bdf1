use core::time::Duration;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::clock;
use crate::failure::Failure;
use crate::mosquitto::Broker;
use crate::process::{Running, Waited};

/// What is measured.
pub(super) struct Programs {
    pub(super) iothub: PathBuf,
    /// `None` if it cannot be had.
    pub(super) broker: Option<Broker>,
    /// For what servers keep.
    pub(super) folder: PathBuf,
    /// What a hub is told besides what each is.
    pub(super) up: &'static [&'static str],
}

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Broker,
    /// A hub in memory.
    Memory,
    /// A hub that has everything on disk before it says so.
    Durable,
}

/// A server that serves. It is stopped, and what it kept is removed, when this is dropped.
pub(super) struct Server {
    process: Running,
    /// What the load is told of it.
    pub(super) settings: Vec<String>,
    pub(super) pid: u32,
    /// From the start of the process until it served.
    pub(super) until_ready: Duration,
    _kept: Option<Folder>,
}

impl Programs {
    /// Starts a server in a folder that is empty.
    pub(super) fn start(&self, side: Side) -> Result<Server, Failure> {
        let folder = Folder::new(&self.folder, side)?;
        let mut server = match side {
            Side::Memory => self.hub(pinned(&self.iothub), None)?,
            Side::Durable => self.hub(pinned(&self.iothub), Some(&folder.0))?,
            Side::Broker => self.broker(&folder.0)?,
        };
        server._kept = Some(folder);
        Ok(server)
    }

    /// Starts a hub on what another has left, which has to be gone.
    pub(super) fn start_again(&self, folder: &Folder) -> Result<Server, Failure> {
        // Nothing is compared with this, and all of the machine is there for it.
        self.hub(Command::new(&self.iothub), Some(&folder.0))
    }

    fn hub(&self, mut command: Command, data: Option<&Path>) -> Result<Server, Failure> {
        let begin = clock::now();
        command.args(UP).args(self.up).stdin(Stdio::null()).stderr(Stdio::null());
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        let mut process = Running::start(&mut command)?;
        let (at, line) = match process.next_line(START_LIMIT) {
            Waited::Line(at, line) => (at, line),
            Waited::Nothing => {
                return Err(Failure::new(format!("iothub did not serve within {START_LIMIT:?}")));
            }
            Waited::Closed => return Err(Failure::new(format!("iothub ended: {}", process.ended()?))),
        };
        let ready: Value =
            serde_json::from_str(&line).map_err(Failure::while_doing("first line of iothub"))?;
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        let pid = process.id();
        let settings = vec![
            format!("address={}", text("mqttAddress")),
            format!("https={}", text("httpsAddress")),
            format!("ca={}", text("caFile")),
            format!("service={}", text("serviceConnectionString")),
            format!("pid={pid}"),
        ];
        Ok(Server { process, settings, pid, until_ready: at.duration_since(begin), _kept: None })
    }

    /// The broker shows the certificate of a hub, so that handshakes are alike; on a second port it goes without.
    fn broker(&self, folder: &Path) -> Result<Server, Failure> {
        let broker = self.broker.as_ref().ok_or_else(|| Failure::new("there is no mosquitto"))?;
        drop(self.hub(Command::new(&self.iothub), Some(folder))?);
        let (port, plain) = (free_port()?, free_port()?);
        let shown = folder.display();
        let settings = format!(
            "listener {port} 127.0.0.1\ncertfile {shown}/server.pem\nkeyfile {shown}/server-key.pem\n\
             listener {plain} 127.0.0.1\nuser root\n{BROKER}"
        );
        let file = folder.join("mosquitto.conf");
        std::fs::write(&file, settings).map_err(Failure::while_doing(file.display()))?;
        let begin = clock::now();
        let command = broker.command();
        let mut pinned = pinned(Path::new(command.get_program()));
        pinned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut process =
            Running::start(pinned.arg("-c").arg(&file).stdin(Stdio::null()).stderr(Stdio::null()))?;
        let ready = await_port(&mut process, port, begin)?;
        let pid = process.id();
        let settings = vec![
            format!("address=127.0.0.1:{port}"),
            format!("plain=127.0.0.1:{plain}"),
            format!("ca={}", folder.join("ca.pem").display()),
            format!("pid={pid}"),
        ];
        Ok(Server { process, settings, pid, until_ready: ready, _kept: None })
    }
}

impl Server {
    /// What it holds in memory, in bytes.
    pub(super) fn resident(&self) -> Result<f64, Failure> {
        let path = format!("/proc/{}/status", self.pid);
        let status = std::fs::read_to_string(&path).map_err(Failure::while_doing(path))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kb = line.trim().trim_end_matches("kB").trim().parse::<f64>();
        Ok(kb.map_err(Failure::while_doing("VmRSS"))? * 1024.0)
    }

    /// Kills it and gives what it kept.
    pub(super) fn kill(mut self) -> Option<Folder> {
        let kept = self._kept.take();
        drop(self.process);
        kept
    }
}

/// A folder of one server. Gone when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new(inside: &Path, side: Side) -> Result<Self, Failure> {
        let path = inside.join(format!("{side:?}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).map_err(Failure::while_doing(path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One processor for the server, where that can be said; the load has the others.
fn pinned(program: &Path) -> Command {
    if super::load::can_pin() {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn free_port() -> Result<u16, Failure> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    port.map(|address| address.port()).map_err(Failure::while_doing("looking for a free port"))
}

fn await_port(process: &mut Running, port: u16, begin: Instant) -> Result<Duration, Failure> {
    loop {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(clock::now().duration_since(begin));
        }
        // It has nothing to say, so this waits for as long as it may; it ends at once with the broker.
        if matches!(process.next_line(BETWEEN_TRIES), Waited::Closed) {
            return Err(Failure::new(format!("mosquitto ended: {}", process.ended()?)));
        }
    }
}

const UP: [&str; 12] = [
    "up",
    "--bind",
    "127.0.0.1",
    "--mqtt-port",
    "0",
    "--https-port",
    "0",
    "--no-device",
    "--log",
    "error",
    "-o",
    "json",
];
const BROKER: &str = "allow_anonymous true\nset_tcp_nodelay true\nmax_inflight_messages 0\nmax_queued_messages 0\n\
    max_connections -1\npersistence false\nlog_type error\n";
const START_LIMIT: Duration = Duration::from_secs(300);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use iothub_server::{Options, Running, Server, StartError};
use iothub_service::Service;
use serde_json::Value;

/// A folder that is removed in the end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("iothub-crash-{}", std::process::id()));
        std::fs::create_dir_all(path.join("transfers")).unwrap();
        Self(path)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// What imports are read from.
    pub(crate) fn transfers(&self) -> PathBuf {
        self.0.join("transfers")
    }

    pub(crate) fn copy(&self) -> PathBuf {
        self.0.join("copy")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The built program as a hub. Killed when dropped.
pub(crate) struct Killable {
    child: Child,
    ready: Value,
}

impl Killable {
    pub(crate) fn start(place: &Place) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_iothub"));
        command.args([
            "up",
            "--mqtt-port",
            "0",
            "--https-port",
            "0",
            "-o",
            "json",
            "--no-device",
            "--log",
            "off",
        ]);
        command.arg("--data").arg(place.data()).env("XDG_RUNTIME_DIR", &place.0);
        command.arg("--transfer-folder").arg(place.transfers());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, ready }
    }

    /// Without any warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn service(&self) -> Service {
        let text = self.ready["serviceConnectionString"].as_str().unwrap();
        service(text, &self.ca())
    }

    pub(crate) fn device(&self, id: &str, key: &str) -> iothub_device::Options {
        let port = &self.ready["mqttPort"];
        let text = format!("HostName=localhost:{port};DeviceId={id};SharedAccessKey={key}");
        let https = u16::try_from(self.ready["httpsPort"].as_u64().unwrap()).unwrap();
        iothub_device::Options::from_connection_string(&text).unwrap().ca_pem(self.ca()).https_port(https)
    }

    fn ca(&self) -> Vec<u8> {
        std::fs::read(self.ready["caFile"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The hub again, in this process.
pub(crate) async fn restart(data: &Path, transfers: &Path) -> Result<Running, StartError> {
    let (data, transfer_folder) = (Some(data.into()), Some(transfers.into()));
    Server::start(Options { data, transfer_folder, ..Options::free_ports() }).await
}

pub(crate) fn service(text: &str, ca: &[u8]) -> Service {
    Service::new(iothub_service::Options::from_connection_string(text).unwrap().ca(ca).unwrap()).unwrap()
}

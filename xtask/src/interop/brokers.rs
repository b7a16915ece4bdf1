//! The device's end of MQTT at brokers that are no IoT Hub.

use core::net::Ipv4Addr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::suite::{Tally, follow};
use crate::failure::Failure;
use crate::process::Running;
use crate::tool::Tool;
use crate::{cargo, mosquitto, workspace};

/// A broker that the program `brokers` of `iothub-mqtt` is run against.
pub(super) struct Broker {
    pub(super) name: &'static str,
    /// The command that runs it on these ports, for MQTT 3.1.1 and MQTT 5, with a file for its settings.
    command: fn(&Path, [u16; 2]) -> Result<Command, Failure>,
}

pub(super) const BROKERS: &[Broker] = &[
    Broker { name: "broker-mosquitto", command: run_mosquitto },
    Broker { name: "broker-rumqttd", command: run_rumqttd },
];

impl Broker {
    /// Takes all steps, passing on what is printed.
    pub(super) fn run(&self, folder: &Path) -> Result<Tally, Failure> {
        cargo::run(&["build", "--package", "iothub-mqtt", "--example", "brokers"])?;
        let ports = free_ports()?;
        let broker = (self.command)(&folder.join(self.name).with_extension("toml"), ports)?;
        let mut command = Command::new(program()?);
        command.arg(self.name).args(ports.map(|port| port.to_string()));
        command.arg(broker.get_program()).args(broker.get_args());
        command.envs(broker.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let log = folder.join(self.name).with_extension("log");
        command.stderr(std::fs::File::create(&log).map_err(Failure::while_doing(log.display()))?);
        let tally = follow(self.name, Running::start(&mut command)?);
        if tally.failed > 0 {
            super::print_tail(self.name, &log);
        }
        Ok(tally)
    }
}

fn program() -> Result<PathBuf, Failure> {
    let name = format!("brokers{}", std::env::consts::EXE_SUFFIX);
    Ok(workspace::target_directory()?.join("debug/examples").join(name))
}

fn run_mosquitto(settings: &Path, ports: [u16; 2]) -> Result<Command, Failure> {
    // Each of its ports takes both versions.
    let [a, b] = ports;
    write(settings, &format!("listener {a} 127.0.0.1\nlistener {b} 127.0.0.1\nallow_anonymous true\n"))?;
    let mut command = mosquitto::program()?.command();
    command.arg("-c").arg(settings);
    Ok(command)
}

fn run_rumqttd(settings: &Path, ports: [u16; 2]) -> Result<Command, Failure> {
    let mut text = "id = 0\n[router]\nid = 0\nmax_connections = 100\nmax_outgoing_packet_count = 200\n\
        max_segment_size = 104857600\nmax_segment_count = 10\n"
        .to_owned();
    for (version, port) in ["v4", "v5"].into_iter().zip(ports) {
        text.push_str(&format!(
            "[{version}.1]\nname = \"{version}\"\nlisten = \"127.0.0.1:{port}\"\nnext_connection_delay_ms = 1\n\
             [{version}.1.connections]\nconnection_timeout_ms = 60000\nmax_payload_size = 1048576\n\
             max_inflight_count = 100\ndynamic_filters = true\n"
        ));
    }
    write(settings, &text)?;
    let mut command = Command::new(RUMQTTD.find_or_install()?);
    command.arg("--quiet").arg("--config").arg(settings);
    Ok(command)
}

/// Some of the dependencies that it was released with are too old for this compiler.
const RUMQTTD: Tool = Tool {
    name: "rumqttd",
    version: "0.20.0",
    says: "rumqttd 0.20.0",
    arguments: &["--no-default-features"],
};

/// Ports that nobody listens on at the moment.
fn free_ports() -> Result<[u16; 2], Failure> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::while_doing("a free port"));
    // Both are held until both are known, so that they differ.
    let (a, b) = (listen()?, listen()?);
    let port =
        |listener: &TcpListener| Ok(listener.local_addr().map_err(Failure::while_doing("a port"))?.port());
    Ok([port(&a)?, port(&b)?])
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(Failure::while_doing(path.display()))
}

//! Debian's mosquitto. Where it is not installed it is unpacked below the target directory, so that no broker
//! begins to serve on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::workspace;

/// The broker, and where it finds what it is linked to.
#[derive(Clone)]
pub(crate) struct Broker {
    program: PathBuf,
    libraries: Option<PathBuf>,
}

/// Finds the broker, or downloads it.
///
/// # Errors
///
/// It is not installed, and this is no Debian or cannot reach its packages.
pub(crate) fn program() -> Result<Broker, Failure> {
    // Where administrators' programs are is not on everybody's path.
    let installed = [PathBuf::from("mosquitto"), PathBuf::from("/usr/sbin/mosquitto")];
    if let Some(program) = installed.into_iter().find(|program| run(program, None).is_ok()) {
        return Ok(Broker { program, libraries: None });
    }
    let root = workspace::target_directory()?.join("mosquitto");
    let broker = Broker {
        program: root.join("usr/sbin/mosquitto"),
        libraries: Some(root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH))),
    };
    if run(&broker.program, broker.libraries.as_deref()).is_err() {
        unpack(&root)?;
    }
    match run(&broker.program, broker.libraries.as_deref()) {
        Ok(()) => Ok(broker),
        Err(why) => Err(Failure::new(format!(
            "mosquitto does not start (Debian: apt-get install mosquitto): {}",
            why.trim()
        ))),
    }
}

impl Broker {
    pub(crate) fn command(&self) -> Command {
        command(&self.program, self.libraries.as_deref())
    }
}

/// What every system with TLS has is not among them.
const PACKAGES: [&str; 10] = [
    "mosquitto",
    "libcjson1",
    "libdlt2",
    "libmosquitto1",
    "libwebsockets17",
    "libev4",
    "libuv1",
    "libwrap0",
    "libnsl2",
    "libtirpc3",
];

fn unpack(root: &Path) -> Result<(), Failure> {
    let downloads = root.join("packages");
    std::fs::create_dir_all(&downloads).map_err(Failure::while_doing(downloads.display()))?;
    println!("$ apt-get download {}", PACKAGES.join(" "));
    succeed(Command::new("apt-get").arg("download").args(PACKAGES).current_dir(&downloads))?;
    let entries = std::fs::read_dir(&downloads).map_err(Failure::while_doing(downloads.display()))?;
    for entry in entries {
        let package = entry.map_err(Failure::while_doing(downloads.display()))?.path();
        succeed(Command::new("dpkg").arg("-x").arg(&package).arg(root))?;
    }
    std::fs::remove_dir_all(&downloads).map_err(Failure::while_doing(downloads.display()))
}

/// Whether it starts, or why not.
fn run(program: &Path, libraries: Option<&Path>) -> Result<(), String> {
    let output = command(program, libraries).arg("-h").output().map_err(|error| error.to_string())?;
    // It says its version together with its help, and then fails.
    if String::from_utf8_lossy(&output.stdout).contains("mosquitto version") {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn command(program: &Path, libraries: Option<&Path>) -> Command {
    let mut command = Command::new(program);
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(Failure::while_doing(format_args!("{name} cannot be started")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

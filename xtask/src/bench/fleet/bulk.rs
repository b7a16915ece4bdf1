use core::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Bench, Show};
use crate::bench::server::{Server, Side};
use crate::bench::table::{Figure, Target};
use crate::clock;
use crate::failure::Failure;

/// Devices that are imported and exported, each with a twin.
const DEVICES: usize = 100_000;
/// How long either may take, in seconds.
const SECONDS: f64 = 10.0;

/// Has the command line import a registry into a hub, durable, and export it from there.
pub(super) fn measure(bench: &Bench, show: &Show<'_>) -> Result<(), Failure> {
    let iothub = &bench.programs.iothub;
    let folder = &bench.programs.folder;
    std::fs::create_dir_all(folder).map_err(Failure::while_doing(folder.display()))?;
    let (given, taken) = (folder.join("given.jsonl"), folder.join("taken.jsonl"));
    std::fs::write(&given, lines()).map_err(Failure::while_doing(given.display()))?;
    let server = bench.programs.start(Side::Durable)?;
    let seconds = time(iothub, &server, &["device", "import"], &given)?;
    show(&figure("imported by the command line", seconds));
    let seconds = time(iothub, &server, &["device", "export", "--file"], &taken)?;
    let exported = std::fs::read_to_string(&taken).map_err(Failure::while_doing(taken.display()))?;
    for path in [&given, &taken] {
        std::fs::remove_file(path).map_err(Failure::while_doing(path.display()))?;
    }
    match exported.lines().count() {
        DEVICES => {}
        other => return Err(Failure::new(format!("of {DEVICES} devices {other} were exported"))),
    }
    show(&figure("exported by the command line", seconds));
    Ok(())
}

/// A device each, as an export writes them; the hub makes their keys.
fn lines() -> String {
    let mut lines = String::new();
    for number in 0..DEVICES {
        let (site, line) = (number % 100, number % 7);
        writeln!(
            lines,
            r#"{{"id":"device-{number:06}","status":"enabled","tags":{{"site":"plant-{site}","line":{line}}},"properties":{{"desired":{{"interval":5}}}}}}"#
        )
        .expect("a text takes everything");
    }
    lines
}

/// How long a command takes from start to end.
fn time(iothub: &Path, server: &Server, words: &[&str], file: &Path) -> Result<f64, Failure> {
    let setting = |name: &str| {
        let settings = server.settings.iter().filter_map(|setting| setting.split_once('='));
        settings.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next().unwrap_or_default()
    };
    let mut command = Command::new(iothub);
    command.args(words).arg(file).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("IOTHUB_CONNECTION_STRING", setting("service")).env("IOTHUB_CA_FILE", setting("ca"));
    let begin = clock::now();
    let output = command.output().map_err(Failure::while_doing("iothub cannot be started"))?;
    let seconds = begin.elapsed().as_secs_f64();
    if output.status.success() {
        Ok(seconds)
    } else {
        let why = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(format!("iothub {}: {}", words.join(" "), why.trim())))
    }
}

fn figure(name: &str, seconds: f64) -> Figure {
    let name = format!("{DEVICES} devices: {name}");
    Figure { name, unit: "s", ours: seconds, other: None, target: Target::Most(SECONDS) }
}

use std::path::PathBuf;

use iothub_server::BackupError;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// Copy what a hub keeps in its folder to a file, also while it runs
///
/// The file holds the registry with its keys, twins, commands, events and the hub's certificate authority, as they
/// are at one moment; files that devices have uploaded are not in it. It is readable by its owner only, and must not be
/// there yet.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub backup monday.backup --data ~/my-hub"#)]
pub(crate) struct Backup {
    /// The file to write
    file: PathBuf,
    /// The folder that the hub was started with
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Put back what `iothub backup` has written
///
/// The hub must not be running. A backup that is not whole is refused. What is in the folder before stays there as
/// hub.redb.before.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub restore monday.backup --data ~/my-hub"#)]
pub(crate) struct Restore {
    /// The file to read
    file: PathBuf,
    /// The folder to put it into
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Remove what a hub has kept in its folder
///
/// The hub must not be running. Devices, keys, twins, commands and events are gone; the certificate authority stays,
/// so that clients that trust it go on doing so.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub reset --data ~/my-hub"#)]
pub(crate) struct Reset {
    /// The folder that the hub was started with
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn back_up(arguments: &Backup, output: &mut Output) -> Result<(), Failure> {
    let Backup { file, data } = arguments;
    iothub_server::back_up(data, file).map_err(|error| failed("back up", &error))?;
    output.show(&json!({"backup": file}), || format!("backed up to {}", file.display()))
}

pub(crate) fn restore(arguments: &Restore, output: &mut Output) -> Result<(), Failure> {
    let Restore { file, data } = arguments;
    iothub_server::restore(data, file).map_err(|error| failed("restore", &error))?;
    output.show(&json!({"restored": data}), || format!("restored to {}", data.display()))
}

pub(crate) fn reset(arguments: &Reset, output: &mut Output) -> Result<(), Failure> {
    let Reset { data } = arguments;
    iothub_server::reset(data).map_err(|error| failed("reset", &error))?;
    output.show(&json!({"reset": data}), || format!("{} is empty", data.display()))
}

fn failed(what: &str, error: &BackupError) -> Failure {
    Failure::failed(format_args!("cannot {what}: {error}"))
}

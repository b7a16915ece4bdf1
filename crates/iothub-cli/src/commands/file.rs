use core::time::Duration;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;
use iothub_model::{ErrorCode, FileNotification, StoredFile};
use iothub_service::FileNotice;
use serde_json::json;

use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceName;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::signals::Interrupt;
use crate::table;

/// Files that devices have uploaded: list, download, delete, and hear of new ones
///
/// Needs a hub of your own: Azure keeps files in a storage account, and tells of them over AMQP only.
#[derive(Subcommand)]
pub(crate) enum Command {
    List(List),
    Download(DownloadArguments),
    Delete(Delete),
    Monitor(Monitor),
}

/// List files
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub file list
  iothub file list --device-id pump-7
  iothub file list --prefix pump-7/logs/ -o json"#)]
pub(crate) struct List {
    /// Those of this device only
    #[arg(long, short, value_name = "DEVICE", value_parser = DeviceName::parse, conflicts_with = "prefix")]
    device_id: Option<DeviceName>,
    /// Those whose names begin like that
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    prefix: String,
    #[command(flatten)]
    hub: HubArguments,
}

/// Download a file
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub file download pump-7/logs/monday.txt
  iothub file download pump-7/core.dump --file - | gzip > core.gz"#)]
pub(crate) struct DownloadArguments {
    /// Its name, which begins with that of the device
    name: String,
    /// Where to put it, which must not be there yet; - for standard output. Else by the last part of its name, here
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    hub: HubArguments,
}

/// Delete a file
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  iothub file delete pump-7/logs/monday.txt")]
pub(crate) struct Delete {
    /// Its name, which begins with that of the device
    name: String,
    #[command(flatten)]
    hub: HubArguments,
}

/// Show which files are uploaded, as they are, until Ctrl-C
///
/// What is shown is completed with that: nobody is told again, unless --peek gives it back at the end.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub file monitor
  iothub file monitor --no-wait -o json"#)]
pub(crate) struct Monitor {
    /// Leave it for the next who asks; not for ever, as that counts as a delivery
    #[arg(long)]
    peek: bool,
    /// Show what there is, and end
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list(arguments, output).await,
        Command::Download(arguments) => download(arguments, output).await,
        Command::Delete(arguments) => delete(arguments, output).await,
        Command::Monitor(arguments) => monitor(arguments, output).await,
    }
}

async fn list(arguments: &List, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let prefix = match &arguments.device_id {
        Some(device) => format!("{}/", device.id().as_str()),
        None => arguments.prefix.clone(),
    };
    let files = hub.service.list_files(&prefix).await.map_err(|error| hub.explain(error, None))?;
    let rows = files.iter().map(|file: &StoredFile| {
        let kind = file.content_type.clone().unwrap_or_default();
        [file.blob_name.clone(), file.length.to_string(), kind, shown(file.last_modified)]
    });
    output.each(&files, || table::rows(["NAME", "BYTES", "TYPE", "WRITTEN"], rows))
}

async fn download(arguments: &DownloadArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let last = arguments.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let path = arguments.file.clone().unwrap_or_else(|| PathBuf::from(last));
    let failed =
        |error: io::Error| Failure::failed(format_args!("{}: {error}", path.display())).because(&error);
    if path.as_os_str() == "-" {
        fetch(&hub, &arguments.name, &mut io::stdout().lock(), &failed).await?;
        return Ok(());
    }
    // Heard from before there is anything to remove.
    let mut interrupt = Interrupt::listen()?;
    // One that is there stays what it is.
    let mut file = File::create_new(&path).map_err(failed)?;
    let stopped = || Failure::interrupted(format_args!("{} is not written", path.display()));
    let copied = interrupt.during(fetch(&hub, &arguments.name, &mut file, &failed), stopped).await;
    if copied.is_err() {
        let _ = std::fs::remove_file(&path);
    }
    let len = copied?;
    let document = json!({"file": path, "length": len});
    output.show(&document, || format!("{len} bytes in {}", path.display()))
}

async fn fetch(
    hub: &Hub,
    name: &str,
    to: &mut impl Write,
    failed: &impl Fn(io::Error) -> Failure,
) -> Result<u64, Failure> {
    let mut content = hub.service.download_file(name).await.map_err(|error| hub.explain(error, None))?;
    let mut len = 0;
    while let Some(piece) = content.next().await.map_err(|error| hub.explain(error, None))? {
        to.write_all(&piece).map_err(failed)?;
        len += piece.len() as u64;
    }
    to.flush().map_err(failed)?;
    Ok(len)
}

async fn delete(arguments: &Delete, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let name = &arguments.name;
    hub.service.delete_file(name).await.map_err(|error| hub.explain(error, None))?;
    output.show(&json!({"deleted": name}), || format!("deleted {name}"))
}

async fn monitor(arguments: &Monitor, output: &mut Output) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let hub = Hub::open(&arguments.hub)?;
    let mut held: Vec<FileNotice> = Vec::new();
    let mut count = 0;
    let end = loop {
        let notice = tokio::select! {
            () = interrupt.wait() => break Ok(()),
            notice = hub.service.receive_file_notification() => notice,
        };
        match notice {
            Ok(Some(notice)) => {
                // It was shown, and comes again: its lock was over.
                if let Some(before) = held.iter_mut().find(|before| before.record == notice.record) {
                    *before = notice;
                    continue;
                }
                count += 1;
                let is_shown = show(&notice.record, output);
                if arguments.peek || is_shown.is_err() {
                    // Given back when all is read: else it would be the next that comes.
                    held.push(notice);
                } else if let Err(error) = hub.service.complete_file_notification(&notice).await {
                    break Err(hub.explain(error, None));
                }
                if is_shown.is_err() {
                    break is_shown;
                }
            }
            Ok(None) if arguments.no_wait => break Ok(()),
            Ok(None) => tokio::select! {
                () = interrupt.wait() => break Ok(()),
                () = tokio::time::sleep(BETWEEN_LOOKS) => {}
            },
            Err(error) => break Err(hub.explain(error, None)),
        }
    };
    for notice in &held {
        match hub.service.abandon_file_notification(notice).await {
            Ok(()) => {}
            // With the lock it is the next one's again.
            Err(error) if error.code() == Some(ErrorCode::DeviceMessageLockLost) => {}
            Err(error) => return Err(hub.explain(error, None)),
        }
    }
    if count == 0 && arguments.no_wait && end.is_ok() {
        remark("there are no notifications");
    }
    end
}

fn show(record: &FileNotification, output: &mut Output) -> Result<(), Failure> {
    output.show(record, || {
        let when = shown(record.last_updated_time);
        format!("{}  {} bytes  {when}", record.blob_name, record.blob_size_in_bytes)
    })
}

/// Nobody holds the request open until there is something, so it is asked for again and again.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

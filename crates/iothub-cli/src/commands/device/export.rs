use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use iothub_service::{ExportPage, ExportedKeys};

use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::progress::{Progress, Reached};

/// Write all devices and modules with their twins, one a line
///
/// The lines are JSON as IoT Hub's own exports have it; `iothub device import` reads them. They have the keys of all
/// devices unless --no-keys keeps them back. Devices that change meanwhile are written as they are when their turn comes.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device export | gzip > registry.jsonl.gz
  iothub device export --file registry.jsonl --no-keys"#)]
pub(crate) struct Arguments {
    /// Where to write to, else standard output. The file is there when all of it is; a pipe or a device is written to
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Keep the keys of devices back: new ones are made when it is read elsewhere
    #[arg(long)]
    no_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let keys = if arguments.no_keys { ExportedKeys::Excluded } else { ExportedKeys::Included };
    let Some(path) = &arguments.file else {
        pages(&hub, keys, |page| page.lines.lines().try_for_each(|line| output.line(line))).await?;
        return Ok(());
    };
    let unwritable = |error| Failure::failed(format_args!("cannot write {}: {error}", path.display()));
    let (mut file, partial) = begin(path).map_err(unwritable)?;
    let count = pages(&hub, keys, |page| file.write_all(page.lines.as_bytes()).map_err(unwritable)).await;
    let kept = count.and_then(|count| {
        if let Some(partial) = &partial {
            file.sync_all().and_then(|()| std::fs::rename(partial, path)).map_err(unwritable)?;
        }
        Ok(count)
    });
    if let (Err(_), Some(partial)) = (&kept, &partial) {
        // What is not whole is not left behind for somebody to import.
        let _ = std::fs::remove_file(partial);
    }
    let count = kept?;
    if output.is_for_people() {
        remark(&format!("exported {count} devices and modules to {}", path.display()));
    }
    Ok(())
}

async fn pages(
    hub: &Hub,
    keys: ExportedKeys,
    mut write: impl FnMut(&ExportPage) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let (mut count, mut after) = (0, None);
    // It has fewer lines than there are identities, or more, where some come and go meanwhile.
    let total = hub.service.registry_statistics().await.ok().map(|statistics| statistics.total_device_count);
    let mut progress = Progress::begin("devices and modules");
    loop {
        let page = hub.service.export(keys, after.as_ref()).await;
        let page = page.map_err(|error| hub.explain(error, None))?;
        write(&page)?;
        count += page.lines.lines().count();
        let share = total.filter(|total| *total > 0).map(|total| (count as f64 / total as f64).min(1.0));
        progress.show(Reached { done: count as u64, failed: 0, share });
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(count),
        }
    }
}

/// What to write to, and where that is if it is to take the place of what is at the path.
fn begin(path: &Path) -> io::Result<(File, Option<PathBuf>)> {
    // A file in the place of a pipe or a device would be of use to nobody who has it open, and to nobody after.
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Ok((File::options().write(true).open(path)?, None));
    }
    let partial = beside(path);
    Ok((create(&partial)?, Some(partial)))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// For the eyes of its owner: it may hold every key. What was left there by another export may be open to others.
fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

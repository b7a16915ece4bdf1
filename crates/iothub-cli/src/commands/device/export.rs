use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use iothub_service::{ExportPage, ExportedKeys};
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::progress::{Progress, Reached};
use crate::signals::Interrupt;

/// Write all devices and modules with their twins, one a line
///
/// The lines are JSON as IoT Hub's own exports have it; `iothub device import` reads them. They have the keys of all
/// devices unless --no-keys keeps them back. Devices that change meanwhile are written as they are when their turn comes.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device export | gzip > registry.jsonl.gz
  iothub device export --file registry.jsonl --no-keys

Exit status: 130 after Ctrl-C, which leaves what was at --file as it was."#)]
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
    let count = match is_replaceable(path) {
        true => replace(path, &hub, keys).await?,
        false => {
            let file = File::options().write(true).open(path).map_err(|error| unwritable(path, &error))?;
            fill(&file, path, &hub, keys).await?
        }
    };
    if output.is_for_people() {
        remark(&format!("exported {count} devices and modules to {}", path.display()));
    }
    Ok(())
}

/// Whether what is at the path may be replaced by a file. One in the place of a pipe or a device would be of use to
/// nobody who has it open, and to nobody after.
fn is_replaceable(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |there| there.is_file())
}

/// Puts a file at the path when it is whole. What is not whole is not left behind for somebody to import.
async fn replace(path: &Path, hub: &Hub, keys: ExportedKeys) -> Result<usize, Failure> {
    // Heard from before there is anything to remove.
    let mut interrupt = Interrupt::listen()?;
    let partial = beside(path).map_err(|error| unwritable(path, &error))?;
    let stopped = || Failure::interrupted(format_args!("{} is not written", path.display()));
    let count = interrupt.during(fill(partial.as_file(), path, hub, keys), stopped).await?;
    let kept = partial.as_file().sync_all().and_then(|()| Ok(partial.persist(path)?));
    kept.map(|_| count).map_err(|error| unwritable(path, &error))
}

async fn fill(mut file: &File, path: &Path, hub: &Hub, keys: ExportedKeys) -> Result<usize, Failure> {
    let write =
        |page: &ExportPage| file.write_all(page.lines.as_bytes()).map_err(|error| unwritable(path, &error));
    pages(hub, keys, write).await
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format_args!("cannot write {}: {error}", path.display()))
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

/// A file of its own, even where another export is on its way to the same path; gone unless it is put there. For the eyes of
/// its owner: it may hold every key.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    tempfile::Builder::new().prefix(&prefix).suffix(PART).tempfile_in(folder)
}

/// How the names of files end that are not whole.
const PART: &str = ".part";

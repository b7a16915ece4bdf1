use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use iothub_model::{ImportMode, LineError};
use iothub_service::Service;
use serde_json::json;

use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::progress::{Progress, Reached};
use crate::table;

/// Read devices and modules with their twins, one a line
///
/// The lines are those of `iothub device export`, or of an export of IoT Hub's. Each is done by itself, in full or not at
/// all; those that are not done are named on standard error, by their number, and the exit status is 7 then, or 1 if none
/// was done. A line may say by `importMode` what is to be done; --mode is for lines that do not.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device import registry.jsonl
  iothub device import - --mode create"#)]
pub(crate) struct Arguments {
    /// The file to read, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// createOrUpdate, create, update, updateTwin, delete, or one of the same that asks for etags
    #[arg(long, value_name = "MODE", default_value = "createOrUpdate")]
    mode: ImportMode,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let name = arguments.file.display().to_string();
    let unreadable = |error: io::Error| Failure::failed(format_args!("cannot read {name}: {error}"));
    let mut batches = Batches::new(open(&arguments.file).map_err(unreadable)?);
    let len = len(&arguments.file);
    let mut progress = Progress::begin("lines");
    let (mut done, mut failed) = (0, 0);
    loop {
        let before = batches.lines;
        // Whoever has to try again wants to know from where.
        let so_far = |failure: Failure| {
            progress
                .remark(&format!("{name}: lines 1 to {before} have been tried, and the next ones perhaps"));
            failure
        };
        let Some(batch) = batches.next().map_err(unreadable).map_err(so_far)? else { break };
        let report = hub.service.import(batch, arguments.mode).await;
        let report = report.map_err(|error| so_far(hub.explain(error, None)))?;
        done += report.done;
        failed += report.errors.len();
        for error in &report.errors {
            progress.remark(&complaint(&name, before, error));
        }
        let share = len.map(|len| (batches.bytes as f64 / len as f64).min(1.0));
        progress.show(Reached {
            done: batches.lines,
            failed: u64::try_from(failed).unwrap_or(u64::MAX),
            share,
        });
    }
    drop(progress);
    output.show(&json!({"done": done, "failed": failed}), || {
        table::record([("done", done.to_string()), ("failed", failed.to_string())])
    })?;
    let line = || format!("{failed} lines of {name} were not done");
    match (done, failed) {
        (_, 0) => Ok(()),
        (0, _) => Err(Failure::failed(line())),
        (_, _) => Err(Failure::partial(line())),
    }
}

/// How much there is to read, where that can be known.
fn len(path: &Path) -> Option<u64> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(metadata.len()).filter(|len| metadata.is_file() && *len > 0)
}

fn complaint(name: &str, before: u64, error: &LineError) -> String {
    let line = before + error.line;
    let error = &error.error;
    let who = match &error.module_id {
        None => error.device_id.clone(),
        Some(module) => format!("{}/{module}", error.device_id),
    };
    format!("{name}:{line}: {who}: {}: {}", error.error_code, error.error_status)
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

/// The lines of a file, as many at once as a hub takes.
struct Batches {
    file: Box<dyn BufRead>,
    /// How many lines went into batches.
    lines: u64,
    /// How long they were together.
    bytes: u64,
    /// The line that did not fit into the last one.
    left: Option<String>,
}

impl Batches {
    const fn new(file: Box<dyn BufRead>) -> Self {
        Self { file, lines: 0, bytes: 0, left: None }
    }

    fn next(&mut self) -> io::Result<Option<String>> {
        let mut batch = String::new();
        let mut count = 0;
        while count < Service::IMPORT_LINES_MAX {
            let line = match self.left.take() {
                Some(line) => line,
                None => match self.line()? {
                    Some(line) => line,
                    None => break,
                },
            };
            if batch.len() + line.len() > Service::IMPORT_LEN_MAX {
                self.left = Some(line);
                break;
            }
            batch.push_str(&line);
            count += 1;
            self.lines += 1;
            self.bytes += line.len() as u64;
        }
        Ok(Some(batch).filter(|_| count > 0))
    }

    /// The next line with its end, which the last one may lack.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let limit = Service::IMPORT_LEN_MAX as u64;
        let len = (&mut self.file).take(limit).read_line(&mut line)?;
        if len as u64 == limit && !line.ends_with('\n') {
            let number = self.lines + 1;
            return Err(io::Error::other(format!(
                "a line from line {number} on is longer than {limit} bytes"
            )));
        }
        Ok(Some(line).filter(|line| !line.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(text: String) -> Batches {
        Batches::new(Box::new(io::Cursor::new(text.into_bytes())))
    }

    #[test]
    fn lines_go_in_batches_of_many_lines_or_many_bytes() {
        let mut many = batches("{}\n".repeat(2500));
        let sizes: Vec<usize> =
            core::iter::from_fn(|| many.next().unwrap()).map(|b| b.lines().count()).collect();
        assert_eq!((sizes, many.lines), (vec![1000, 1000, 500], 2500));
        let long = format!("{}\n", "x".repeat(400_000));
        let mut long = batches(long.repeat(5));
        let sizes: Vec<usize> =
            core::iter::from_fn(|| long.next().unwrap()).map(|b| b.lines().count()).collect();
        assert_eq!((sizes, long.lines), (vec![2, 2, 1], 5));
        let mut last = batches("{}\n{}".into());
        assert_eq!(last.next().unwrap().as_deref(), Some("{}\n{}"));
        assert_eq!(last.next().unwrap(), None);
    }

    #[test]
    fn a_line_that_never_ends_is_an_error_with_its_number() {
        let mut endless = batches(format!("{{}}\n{}", "x".repeat(3_000_000)));
        let error = endless.next().unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}

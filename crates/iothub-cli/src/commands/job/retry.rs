use super::{JobArgument, NAME_LEN_MAX, explain, job_name, watch};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::signals::Interrupt;

/// Do again what a job did, with the devices that it went wrong with
///
/// In a job of another name, or several of them one after the other, as one names some hundred devices only. Waits for
/// the end of each as `job watch` does, and gives each as it has ended. Ctrl-C ends the waiting only.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub job retry reboot-1
  iothub job retry reboot-1 --as reboot-tuesday"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    job: JobArgument,
    /// The name of the new job, else that of the old with -again behind it; a second gets -2 behind that
    #[arg(long = "as", value_name = "JOB", value_parser = job_name)]
    name: Option<String>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let first = hub.service.job(arguments.job.id());
    let state = first.get().await.map_err(|error| explain(&hub, error, first.id()))?;
    if !state.status.is_final() {
        return Err(Failure::unreached(format_args!(
            "job {0} is {1}: it has to end first (`iothub job watch {0}`)",
            first.id(),
            state.status
        )));
    }
    let mut again = first.failed_again();
    let mut worst: Result<(), Failure> = Ok(());
    for number in 1_u32.. {
        let name = numbered(arguments.name.as_deref(), first.id(), number)?;
        let next = again.next(&name).await.map_err(|error| explain(&hub, error, &name))?;
        let Some(job) = next else {
            if number == 1 {
                remark(&format!("there is no device that job {} went wrong with", first.id()));
            }
            break;
        };
        let end = watch::until_end(&hub, &job, Interrupt::listen()?, output).await;
        match end {
            Err(failure) if failure.is_interrupt() => return Err(failure),
            Err(failure) => worst = Err(failure),
            Ok(()) => {}
        }
    }
    worst
}

fn numbered(asked: Option<&str>, first: &str, number: u32) -> Result<String, Failure> {
    let base = asked.map_or_else(|| format!("{first}-again"), str::to_owned);
    let name = if number == 1 { base } else { format!("{base}-{number}") };
    if name.len() > NAME_LEN_MAX {
        return Err(Failure::misused(format_args!("{name} is too long for a job (--as gives another name)")));
    }
    Ok(name)
}

pub(crate) mod ca;
pub(crate) mod completion;
pub(crate) mod configuration;
pub(crate) mod consumer_group;
pub(crate) mod context;
pub(crate) mod demo;
pub(crate) mod device;
pub(crate) mod digital_twin;
pub(crate) mod env;
pub(crate) mod explain;
pub(crate) mod feedback;
pub(crate) mod file;
pub(crate) mod job;
pub(crate) mod keep;
pub(crate) mod manual;
pub(crate) mod method;
pub(crate) mod module;
pub(crate) mod monitor;
pub(crate) mod policy;
pub(crate) mod provisioning;
pub(crate) mod query;
pub(crate) mod sas;
pub(crate) mod twin;
pub(crate) mod up;

use tokio::runtime::{Builder, Runtime};

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::output::{Format, Output};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    if cli.output == Some(Format::Csv) && !has_end(&cli.command) {
        return Err(Failure::misused(
            "-o csv is for results that have an end (-o ndjson has a line for each)",
        ));
    }
    let mut output = Output::stdout(cli.output);
    match cli.command {
        Command::Up(arguments) => several_threads()?.block_on(up::run(arguments, &mut output)),
        Command::Env(arguments) => env::run(&arguments, &mut output),
        Command::Demo(arguments) => several_threads()?.block_on(demo::run(&arguments, &mut output)),
        Command::Context(command) => context::run(&command, &mut output),
        Command::Device(command) => one_thread()?.block_on(device::run(&command, &mut output)),
        Command::Ca(command) => one_thread()?.block_on(ca::run(&command, &mut output)),
        Command::Enrollment(command) => {
            one_thread()?.block_on(provisioning::enrollment::run(&command, &mut output))
        }
        Command::EnrollmentGroup(command) => {
            one_thread()?.block_on(provisioning::group::run(&command, &mut output))
        }
        Command::Registration(command) => {
            one_thread()?.block_on(provisioning::registration::run(&command, &mut output))
        }
        Command::Policy(command) => one_thread()?.block_on(policy::run(&command, &mut output)),
        Command::Module(command) => one_thread()?.block_on(module::run(&command, &mut output)),
        Command::Query(arguments) => one_thread()?.block_on(query::run(&arguments, &mut output)),
        Command::Configuration(command) => one_thread()?.block_on(configuration::run(&command, &mut output)),
        Command::DigitalTwin(command) => one_thread()?.block_on(digital_twin::run(&command, &mut output)),
        Command::Job(command) => one_thread()?.block_on(job::run(&command, &mut output)),
        Command::Twin(command) => one_thread()?.block_on(twin::run(&command, &mut output)),
        Command::Method(command) => one_thread()?.block_on(method::run(&command, &mut output)),
        Command::Feedback(arguments) => one_thread()?.block_on(feedback::run(&arguments, &mut output)),
        Command::File(command) => one_thread()?.block_on(file::run(&command, &mut output)),
        Command::Monitor(arguments) => one_thread()?.block_on(monitor::run(&arguments, &mut output)),
        Command::Backup(arguments) => keep::back_up(&arguments, &mut output),
        Command::Restore(arguments) => keep::restore(&arguments, &mut output),
        Command::Reset(arguments) => keep::reset(&arguments, &mut output),
        Command::Explain(arguments) => explain::run(&arguments, &mut output),
        Command::Completion(arguments) => completion::run(&arguments, &mut output),
        Command::Manual(arguments) => manual::run(&arguments, &mut output),
        Command::ConsumerGroup(command) => one_thread()?.block_on(consumer_group::run(&command, &mut output)),
        Command::Sas(arguments) => one_thread()?.block_on(sas::run(&arguments, &mut output)),
    }
}

/// Whether all that a command has to say is known at some time, so that there can be a heading for it.
const fn has_end(command: &Command) -> bool {
    !matches!(
        command,
        Command::Up(_)
            | Command::Demo(_)
            | Command::Monitor(_)
            | Command::File(file::Command::Monitor(_))
            | Command::Device(device::Command::Simulate(_))
    )
}

/// For commands that ask one thing at a time.
pub(crate) fn one_thread() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(|error| without_runtime(&error))
}

/// For commands that serve: one slow connection is not to hold up the others.
fn several_threads() -> Result<Runtime, Failure> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().map_err(|error| without_runtime(&error))
}

fn without_runtime(error: &std::io::Error) -> Failure {
    Failure::failed(format_args!("cannot start threads: {error}"))
}

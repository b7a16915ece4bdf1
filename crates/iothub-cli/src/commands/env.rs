use std::path::PathBuf;

use crate::failure::Failure;
use crate::login::{self, Which};
use crate::output::{Output, remark};
use crate::shell::Shell;
use crate::terminal;

/// Print what points a shell, and the SDKs started from it, at the hub that runs here
///
/// Sets the connection strings of the service and of the first device, IOTHUB_CA_FILE, and the variables by
/// which Node (NODE_EXTRA_CA_CERTS), OpenSSL (SSL_CERT_FILE) and Python's requests (REQUESTS_CA_BUNDLE) trust
/// the hub's CA. The output holds keys: it is meant for `eval`, not for a log. It is the same in a pipe;
/// -o json makes it one JSON object.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  eval "$(iothub env)"                     bash, zsh
  iothub env --shell fish | source
  iothub env --shell powershell | Out-String | Invoke-Expression
  iothub env --data ~/my-hub               of several hubs, the one with this folder
  iothub env -o json | jq -r .IOTHUB_CONNECTION_STRING"#)]
pub(crate) struct Arguments {
    /// The shell to write for, else the one in $SHELL
    #[arg(long, value_name = "SHELL")]
    shell: Option<Shell>,
    /// The hub that was started with this --data folder, else the one that was started last
    #[arg(long, alias = "hub-data", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The hub that runs here by this name, of several in one process
    #[arg(long, short = 'n', value_name = "NAME", conflicts_with = "data")]
    hub_name: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let which = Which::new(arguments.data.as_deref(), arguments.hub_name.as_deref());
    let ready = login::running(which.unwrap_or(Which::Last))?;
    let shell = arguments.shell.unwrap_or_else(Shell::guess);
    let exports = ready.environment.iter().map(|(name, value)| shell.export(name, value));
    let exports = exports.collect::<Result<Vec<_>, _>>()?;
    output.text(&exports.join("\n"), &ready.environment)?;
    if terminal::stdout_is_one() {
        remark(&format!("to set these in this shell: {}", shell.usage()));
    }
    Ok(())
}

use clap::ValueEnum;

use crate::completion::script;
use crate::failure::Failure;
use crate::output::Output;

/// Print what has a shell complete commands, options, and the names of devices
///
/// The shell then asks this program how a line can go on. Names of devices come from the hub that the line means, if it
/// answers within 0.7 s, and else there are none.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  source <(iothub completion bash)                              in ~/.bashrc
  source <(iothub completion zsh)                               in ~/.zshrc, behind compinit
  iothub completion fish > ~/.config/fish/completions/iothub.fish
  iothub completion powershell | Out-String | Invoke-Expression   in $PROFILE"#)]
pub(crate) struct Arguments {
    /// The shell to write for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// A shell that can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    #[value(alias = "pwsh")]
    Powershell,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let name = match arguments.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
    };
    let text = script(name).expect("each of these shells is known, and memory takes every byte");
    output.line(String::from_utf8_lossy(&text).trim_end())
}

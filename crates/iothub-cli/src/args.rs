use clap::{Parser, Subcommand};

use crate::commands::{
    ca, completion, configuration, consumer_group, context, demo, device, digital_twin, env, explain,
    feedback, file, job, keep, manual, method, module, monitor, policy, provisioning, query, sas, twin, up,
};
use crate::output::Format;

/// Azure IoT Hub on your machine, and the commands to work with it
///
/// `iothub up` starts a hub: MQTT, MQTT over WebSocket and the service API, all over TLS, for unmodified
/// SDKs. The other commands work with that hub, with another that --login, IOTHUB_CONNECTION_STRING or a context
/// names, and as far as its REST API goes with Azure's. Start with `iothub demo`.
#[derive(Parser)]
#[command(name = "iothub", version, max_term_width = 100, after_help = ENDING, infer_subcommands = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How results are written: else a table at a terminal, and JSON when piped
    #[arg(long, short, global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Say what lies beneath an error
    #[arg(long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Up(up::Arguments),
    Env(env::Arguments),
    Demo(demo::Arguments),
    #[command(subcommand)]
    Context(context::Command),
    #[command(subcommand)]
    Device(device::Command),
    #[command(subcommand)]
    Ca(ca::Command),
    #[command(subcommand)]
    Policy(policy::Command),
    #[command(subcommand)]
    Module(module::Command),
    #[command(subcommand)]
    Twin(twin::Command),
    #[command(subcommand)]
    Method(method::Command),
    Query(query::Arguments),
    #[command(subcommand)]
    Job(job::Command),
    #[command(subcommand)]
    Configuration(configuration::Command),
    #[command(subcommand)]
    DigitalTwin(digital_twin::Command),
    #[command(subcommand)]
    Enrollment(provisioning::enrollment::Command),
    #[command(subcommand)]
    EnrollmentGroup(provisioning::group::Command),
    #[command(subcommand)]
    Registration(provisioning::registration::Command),
    Feedback(feedback::Arguments),
    #[command(subcommand)]
    File(file::Command),
    Monitor(monitor::Arguments),
    #[command(subcommand)]
    ConsumerGroup(consumer_group::Command),
    Sas(sas::Arguments),
    Backup(keep::Backup),
    Restore(keep::Restore),
    Reset(keep::Reset),
    Explain(explain::Arguments),
    Completion(completion::Arguments),
    #[command(hide = true)]
    Manual(manual::Arguments),
}

const ENDING: &str = r#"Examples:
  iothub demo                                  see a method travel to a device and back
  iothub up                                    start a hub; it says what to type next
  eval "$(iothub env)"                         point SDKs in this shell at it
  iothub device create pump-7
  iothub device simulate pump-7                be that device, in another terminal
  iothub method invoke pump-7 reboot '{"delay":5}'
  iothub monitor                               watch what devices send
  iothub explain 404103                        what a code means, and what to do about it

Results go to standard output, everything else to standard error. JSON is one document per line.

Exit status:
    0  done
    1  refused or failed in another way
    2  misused: this command line can never succeed
    3  what it is about is not there
    4  not allowed with this key or policy
    5  in conflict: it is there already, or was changed meanwhile
    6  hub or device not reached, busy, or silent: it may work later
    7  done in part: some lines or devices failed, and are named
  130  stopped by Ctrl-C before its end"#;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_arguments_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_is_described_and_shows_examples() {
        fn check(command: &clap::Command, path: &str) {
            let help = command.clone().render_long_help().to_string();
            assert!(command.get_about().is_some(), "{path} says nothing about itself");
            if command.get_subcommands().next().is_none() {
                assert!(help.contains("Examples:"), "{path} shows no example:\n{help}");
                assert!(help.contains(path), "{path} is not in its own examples");
            }
            for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
                check(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        check(&Cli::command(), "iothub");
    }

    #[test]
    fn every_argument_says_what_it_is() {
        fn check(command: &clap::Command, path: &str) {
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let help = argument.get_help().or(argument.get_long_help());
                assert!(
                    help.is_some_and(|help| !help.to_string().is_empty()),
                    "{path}: {}",
                    argument.get_id()
                );
            }
            for inner in command.get_subcommands() {
                check(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        check(&Cli::command(), "iothub");
    }

    #[test]
    fn the_examples_in_the_help_are_command_lines() {
        fn check(command: &clap::Command) -> usize {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let mut count = 0;
            for line in help.lines().filter_map(|line| line.trim().strip_prefix("iothub ")) {
                let line = line.split("   ").next().unwrap_or_default();
                let alone =
                    [" | ", " > "].iter().fold(line, |line, end| line.split(end).next().unwrap_or_default());
                let words = words(alone);
                let parsed = Cli::try_parse_from(core::iter::once("iothub".to_owned()).chain(words));
                assert!(
                    parsed.is_ok(),
                    "{line}: {}",
                    parsed.err().map(|e| e.to_string()).unwrap_or_default()
                );
                count += 1;
            }
            count + command.get_subcommands().map(check).sum::<usize>()
        }
        assert!(check(&Cli::command()) >= 30);
    }

    #[test]
    fn what_users_of_the_azure_cli_are_told_to_type_are_command_lines() {
        let page = include_str!("../../../docs/azure-cli.md");
        let lines = page
            .lines()
            .filter_map(|line| line.strip_suffix("` |")?.split_once(" | `"))
            .map(|(_, line)| line);
        let mut count = 0;
        for line in lines {
            let parsed = Cli::try_parse_from(words(line));
            assert!(parsed.is_ok(), "{line}: {}", parsed.err().map(|e| e.to_string()).unwrap_or_default());
            count += 1;
        }
        assert!(count >= 30, "{count}");
    }

    /// What a shell makes of a line with single and double quotes in it.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for c in line.trim().chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, ' ') => words.push(String::new()),
                (_, c) => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn command_lines_that_are_understood_and_that_are_not() {
        for (line, good) in [
            ("up --mqtt-port 0 --https-port 0 -o json", true),
            ("up --hostname a.test --hostname b.test --bind 0.0.0.0 --data d --device x", true),
            ("up --device x --no-device", false),
            ("up --mqtt-port 65536", false),
            ("up --log loud", false),
            ("up --sku s1 --units 2", true),
            ("up --sku S1 --units 0", false),
            ("up --sku B1", false),
            ("-o json device list", true),
            ("device list -o yaml", false),
            ("device create", false),
            ("device create a/b", false),
            ("device create pump-7", true),
            ("device create -d pump-7", true),
            ("device create --device-id pump-7 pump-7", false),
            ("device update pump-7", false),
            ("device update pump-7 --status disabled --status-reason stolen", true),
            ("device send pump-7", false),
            ("device send pump-7 --data x --property a=b --property c=d=e", true),
            ("device send pump-7 --data x --property a", false),
            ("device simulate pump-7 --method reboot=200:{} --interval 10ms --count 3", true),
            ("device simulate pump-7 --method reboot", false),
            ("device simulate pump-7 --method reboot=ok:{}", false),
            ("device simulate pump-7 --method reboot=200:{", false),
            ("device simulate pump-7 --interval 0", false),
            ("device simulate pump-7 --dialect preview311", true),
            ("device simulate pump-7 --dialect Preview311", false),
            ("device simulate pump-7 --dialect all", false),
            ("demo --dialect classic", true),
            ("demo --dialect all", true),
            ("demo --dialect mqtt5", false),
            ("device list --login a --hub-data b", false),
            ("twin show pump-7 --module-id m", true),
            ("twin update pump-7", false),
            ("twin update pump-7 --desired {} --if-match *", true),
            ("device send pump-7 --data x --hub-data d", true),
            ("method invoke --device-id pump-7 --method-name reboot --method-payload {} --timeout 5", true),
            ("method invoke pump-7 reboot {} --connect-timeout 301", false),
            ("module create pump-7 camera", true),
            ("monitor --device pump-7 --count 0", false),
            ("monitor --from earliest --partition 3 --cg billing --checkpoint --reconnect", true),
            ("monitor --et 1893456000000 --props sys app --to 5 --mc 2 -c $Default", true),
            ("monitor --from yesterday", false),
            ("monitor --from earliest --enqueued-time 1", false),
            ("monitor --device pump-7 --checkpoint", false),
            ("monitor --partition 256", false),
            ("consumer-group create", false),
            ("sas --device pump-7 --policy service", false),
            ("sas --duration 1h", true),
            ("sas --duration 0", false),
            ("", false),
            ("dveice list", false),
        ] {
            let words = core::iter::once("iothub").chain(line.split(' ').filter(|word| !word.is_empty()));
            assert_eq!(Cli::try_parse_from(words).is_ok(), good, "{line}");
        }
    }
}

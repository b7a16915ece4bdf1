use clap::Subcommand;
use serde::Serialize;

use crate::completion::{completer, contexts};
use crate::contexts::{Context, ContextName, Contexts};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::{HubArguments, Login};
use crate::output::{Output, remark};
use crate::table;

/// Hubs by names of your own: add, use, list, show, remove
///
/// A context is a connection string with the CA that vouches for the hub, kept in the user's settings in a file that
/// only its owner can read. Keys are never shown. Which hub a command means is said by the first of: its options (--login,
/// --context, --hub-data, --hub-name), the variable IOTHUB_CONNECTION_STRING, the variable IOTHUB_CONTEXT, the context in
/// use, and the hub that runs here.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Keep under a name how a hub is reached
    ///
    /// The hub that the other options mean, or else IOTHUB_CONNECTION_STRING, or the one that runs here. Nothing is sent
    /// to it.
    #[command(after_help = r#"Examples:
  iothub context add prod --login @prod.txt --use
  iothub context add lab --login 'HostName=lab.example;SharedAccessKeyName=service;SharedAccessKey=…' --ca lab.pem
  iothub context add mine --hub-data ~/my-hub     a hub that runs here and keeps its keys"#)]
    Add(AddArguments),
    /// Choose which hub commands mean that name none
    ///
    /// With --none it is the one that runs here again.
    #[command(after_help = "Examples:\n  iothub context use prod\n  iothub context use --none")]
    Use(UseArguments),
    /// List the contexts, without keys
    #[command(
        after_help = "Examples:\n  iothub context list\n  iothub context list -o json | jq -r '.[].name'"
    )]
    List,
    /// Show a context, without its key
    ///
    /// Without a name, the one in use.
    #[command(after_help = "Examples:\n  iothub context show\n  iothub context show prod")]
    Show(ShowArguments),
    /// Forget a context
    ///
    /// The hub does not know of it: its keys stay valid.
    #[command(visible_alias = "delete", after_help = "Examples:\n  iothub context remove prod")]
    Remove(RemoveArguments),
}

#[derive(clap::Args)]
pub(crate) struct AddArguments {
    /// What to call it
    #[arg(value_name = "NAME", value_parser = ContextName::parse)]
    name: ContextName,
    /// Use it from now on
    #[arg(long = "use")]
    select: bool,
    /// Put it in the place of one that is there already
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct UseArguments {
    /// Which
    #[arg(value_name = "NAME", value_parser = ContextName::parse, required_unless_present = "none", add = completer(contexts))]
    name: Option<ContextName>,
    /// None
    #[arg(long, conflicts_with = "name")]
    none: bool,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    /// Which, else the one in use
    #[arg(value_name = "NAME", value_parser = ContextName::parse, add = completer(contexts))]
    name: Option<ContextName>,
}

#[derive(clap::Args)]
pub(crate) struct RemoveArguments {
    /// Which
    #[arg(value_name = "NAME", value_parser = ContextName::parse, add = completer(contexts))]
    name: ContextName,
}

pub(crate) fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Add(arguments) => add(arguments, output),
        Command::Use(arguments) => select(arguments, output),
        Command::List => list(output),
        Command::Show(arguments) => show(arguments, output),
        Command::Remove(arguments) => remove(arguments, output),
    }
}

fn add(arguments: &AddArguments, output: &mut Output) -> Result<(), Failure> {
    // That it can be opened shows that the connection string and the CA are some.
    let login = Hub::with(arguments.hub.login_afresh()?)?.login;
    let ca_file = match &login.ca {
        None => None,
        Some(path) => Some(std::path::absolute(path).map_err(|error| {
            Failure::failed(format_args!("cannot tell where {} is: {error}", path.display()))
        })?),
    };
    let context = Context { connection_string: login.connection_string().to_owned(), ca_file };
    let name = &arguments.name;
    let shown = Contexts::change(|contexts| {
        if contexts.has(name) && !arguments.replace {
            return Err(Failure::conflict(format_args!(
                "context {name} exists already (--replace puts this in its place)"
            )));
        }
        contexts.put(name.clone(), context);
        if arguments.select {
            contexts.select(Some(name))?;
        }
        Shown::new(contexts, name)
    })?;
    output.show(&shown, || shown.record())?;
    if output.is_for_people() && !shown.in_use {
        remark(&format!("`iothub context use {name}` has commands mean it"));
    }
    Ok(())
}

fn select(arguments: &UseArguments, output: &mut Output) -> Result<(), Failure> {
    Contexts::change(|contexts| contexts.select(arguments.name.as_ref()))?;
    if output.is_for_people() {
        match &arguments.name {
            Some(name) => remark(&format!("commands mean {name} from now on, unless told otherwise")),
            None => remark("commands mean the hub that runs here, unless told otherwise"),
        }
    }
    Ok(())
}

fn list(output: &mut Output) -> Result<(), Failure> {
    let contexts = Contexts::read()?;
    let shown = contexts.iter().map(|(name, _)| Shown::new(&contexts, name));
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    output.show(&shown, || {
        let row = |each: &Shown| {
            let in_use = if each.in_use { "*" } else { "" };
            [in_use.into(), each.name.clone(), each.host_name.clone(), each.policy(), each.ca()]
        };
        table::rows(["USED", "NAME", "HUB", "POLICY", "CA FILE"], shown.iter().map(row))
    })
}

fn show(arguments: &ShowArguments, output: &mut Output) -> Result<(), Failure> {
    let contexts = Contexts::read()?;
    let name = arguments.name.as_ref().or(contexts.in_use());
    let name = name.ok_or_else(|| {
        Failure::absent(
            "no context is in use (`iothub context use NAME` chooses one, `iothub context add` makes one)",
        )
    })?;
    let shown = Shown::new(&contexts, name)?;
    output.show(&shown, || shown.record())
}

fn remove(arguments: &RemoveArguments, output: &mut Output) -> Result<(), Failure> {
    Contexts::change(|contexts| contexts.remove(&arguments.name))?;
    if output.is_for_people() {
        remark(&format!("removed {}", arguments.name));
    }
    Ok(())
}

/// What may be shown of a context.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: String,
    in_use: bool,
    host_name: String,
    policy: Option<String>,
    ca_file: Option<String>,
}

impl Shown {
    fn new(contexts: &Contexts, name: &ContextName) -> Result<Self, Failure> {
        let context = contexts.get(name)?;
        let login = Login::of_context(name.clone(), context.clone());
        let parts = login.parts()?;
        Ok(Self {
            name: name.to_string(),
            in_use: contexts.in_use() == Some(name),
            host_name: parts.host().unwrap_or_default().to_owned(),
            policy: parts.key_name().map(str::to_owned),
            ca_file: context.ca_file.as_ref().map(|path| path.display().to_string()),
        })
    }

    fn record(&self) -> String {
        table::record([
            ("name", self.name.clone()),
            ("in use", if self.in_use { "yes" } else { "no" }.into()),
            ("hub", self.host_name.clone()),
            ("policy", self.policy()),
            ("CA file", self.ca()),
        ])
    }

    fn policy(&self) -> String {
        self.policy.clone().unwrap_or_default()
    }

    fn ca(&self) -> String {
        self.ca_file.clone().unwrap_or_default()
    }
}

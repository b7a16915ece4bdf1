mod content;
mod metric;

pub(crate) use content::read as content_of;

use std::collections::BTreeMap;

use clap::Subcommand;
use iothub_model::{Configuration, ConfigurationMetrics, ConfigurationQueries, ErrorCode, IfMatch};
use iothub_service::Error;

use crate::completion::{completer, configurations};
use crate::condition::condition;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::named::{DeleteArguments, Named};
use crate::output::Output;
use crate::table;
use content::{labels, metrics};

/// Configurations, which a hub sets by itself in all twins that meet a condition: create, show, list, change, delete, test
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a configuration
    ///
    /// The hub begins at once to set its content in the twins that it targets, and goes on doing so.
    #[command(after_help = r#"Examples:
  iothub configuration create fans --content '{"deviceContent":{"properties.desired.fan":{"speed":7}}}' --target-condition "tags.plant = 'p1'" --priority 10
  iothub configuration create -c fans --content @fans.json --tc '*' --metrics '{"done":"SELECT deviceId FROM devices WHERE properties.reported.fan.speed = 7"}'"#)]
    Create(CreateArguments),
    /// Show a configuration, with what the hub counts of it
    #[command(after_help = "Examples:\n  iothub configuration show fans")]
    Show(ShowArguments),
    /// List the configurations
    #[command(
        after_help = "Examples:\n  iothub configuration list\n  iothub configuration list -o json | jq -r '.[].id'"
    )]
    List(ListArguments),
    /// Change whom a configuration is for, its priority, labels or metrics
    ///
    /// Its content stays what it was: that cannot be changed. Unless --if-match says otherwise, the change is made on what
    /// there is when it arrives, again and again while others change it.
    #[command(
        after_help = "Examples:\n  iothub configuration update fans --priority 20\n  iothub configuration update fans \
                            --target-condition \"tags.plant = 'p2'\""
    )]
    Update(UpdateArguments),
    /// Delete a configuration
    ///
    /// What it has set is removed, unless another one sets it as well.
    #[command(after_help = "Examples:\n  iothub configuration delete fans")]
    Delete(DeleteArguments<ConfigurationArgument>),
    /// Show what a metric of a configuration counts
    #[command(
        after_help = "Examples:\n  iothub configuration show-metric fans --metric-id done\n  iothub configuration \
                            show-metric fans --metric-id appliedCount --metric-type system"
    )]
    ShowMetric(metric::Arguments),
    /// Have the hub look at a condition and queries, before they become a configuration
    ///
    /// The exit status is 1 if something is wrong with one of them.
    #[command(
        after_help = "Examples:\n  iothub configuration test --target-condition \"tags.plant = 'p1'\"\n  iothub \
                            configuration test --metrics @metrics.json"
    )]
    Test(TestArguments),
}

/// Which configuration.
#[derive(clap::Args)]
pub(crate) struct ConfigurationArgument {
    /// The name of the configuration
    #[arg(value_name = "CONFIGURATION", required_unless_present = "config_id", conflicts_with = "config_id", add = completer(configurations))]
    configuration: Option<String>,
    /// The name of the configuration, as an option
    #[arg(long, short = 'c', value_name = "CONFIGURATION", add = completer(configurations))]
    config_id: Option<String>,
}

/// What can be changed.
#[derive(clap::Args)]
#[group(id = "changes", multiple = true)]
pub(crate) struct Changes {
    /// Whom it is for: a condition in the language of queries, * for all; else for none
    #[arg(long, visible_alias = "tc", value_name = "CONDITION")]
    target_condition: Option<String>,
    /// Of several that target the same, the one of the greatest number counts [default: 0]
    #[arg(long, visible_alias = "pri", value_name = "NUMBER")]
    priority: Option<u32>,
    /// What is noted about it: a JSON object with texts, @FILE, or -
    #[arg(long, visible_alias = "lab", value_name = "JSON")]
    labels: Option<String>,
    /// What is counted: a JSON object with queries by their names, @FILE, or -
    #[arg(long, value_name = "JSON")]
    metrics: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    configuration: ConfigurationArgument,
    /// What is set: {"deviceContent": {…}}, or moduleContent, or modulesContent; @FILE, or -
    #[arg(long, short = 'k', value_name = "JSON")]
    content: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    configuration: ConfigurationArgument,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct ListArguments {
    /// At most this many, from 1 to 1000
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    configuration: ConfigurationArgument,
    #[command(flatten)]
    changes: Changes,
    /// Only if the configuration has this etag
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition)]
    if_match: Option<IfMatch>,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct TestArguments {
    /// A condition, as behind WHERE, or with FROM devices.modules WHERE before it
    #[arg(long, visible_alias = "tc", value_name = "CONDITION", required_unless_present = "metrics")]
    target_condition: Option<String>,
    /// A JSON object with queries by their names, @FILE, or -
    #[arg(long, value_name = "JSON")]
    metrics: Option<String>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments, output).await,
        Command::Show(arguments) => show(arguments, output).await,
        Command::List(arguments) => list(arguments, output).await,
        Command::Update(arguments) => update(arguments, output).await,
        Command::Delete(arguments) => delete(arguments, output).await,
        Command::ShowMetric(arguments) => metric::run(arguments, output).await,
        Command::Test(arguments) => test(arguments, output).await,
    }
}

async fn create(arguments: &CreateArguments, output: &mut Output) -> Result<(), Failure> {
    let id = arguments.configuration.id();
    let mut wanted = Configuration {
        id: id.to_owned(),
        content: content::read("--content", &arguments.content)?,
        ..Configuration::default()
    };
    arguments.changes.read()?.apply_to(&mut wanted);
    let hub = Hub::open(&arguments.hub)?;
    let created = hub.service.create_configuration(&wanted).await;
    print(&created.map_err(|error| explain(&hub, error, id))?, output)
}

async fn show(arguments: &ShowArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.configuration.id();
    print(&hub.service.get_configuration(id).await.map_err(|error| explain(&hub, error, id))?, output)
}

async fn list(arguments: &ListArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let listed = hub.service.list_configurations(arguments.top).await;
    let listed = listed.map_err(|error| hub.explain(error, None))?;
    output.show(&listed, || {
        let count = |each: &Configuration, name: &str| {
            each.system_metrics.results.get(name).map(u64::to_string).unwrap_or_default()
        };
        let row = |each: &Configuration| {
            let (targeted, applied) = (count(each, "targetedCount"), count(each, "appliedCount"));
            [each.id.clone(), each.priority.to_string(), each.target_condition.clone(), targeted, applied]
        };
        table::rows(["CONFIGURATION", "PRIORITY", "CONDITION", "TARGETED", "APPLIED"], listed.iter().map(row))
    })
}

async fn update(arguments: &UpdateArguments, output: &mut Output) -> Result<(), Failure> {
    let id = arguments.configuration.id();
    let changes = arguments.changes.read()?;
    if changes.is_nothing() {
        return Err(Failure::misused(
            "nothing to change: say --target-condition, --priority, --labels or --metrics",
        ));
    }
    let hub = Hub::open(&arguments.hub)?;
    let updated = match &arguments.if_match {
        None => hub.service.edit_configuration(id, |configuration| changes.apply_to(configuration)).await,
        Some(condition) => {
            let read = hub.service.get_configuration(id).await;
            let mut configuration = read.map_err(|error| explain(&hub, error, id))?;
            changes.apply_to(&mut configuration);
            hub.service.update_configuration(&configuration, condition).await
        }
    };
    print(&updated.map_err(|error| explain(&hub, error, id))?, output)
}

async fn delete(
    arguments: &DeleteArguments<ConfigurationArgument>,
    output: &mut Output,
) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.name.id();
    let deleted = hub.service.delete_configuration(id, &arguments.if_match).await;
    deleted.map_err(|error| explain(&hub, error, id))?;
    output.tell_deleted(id);
    Ok(())
}

async fn test(arguments: &TestArguments, output: &mut Output) -> Result<(), Failure> {
    let queries = ConfigurationQueries {
        target_condition: arguments.target_condition.clone().unwrap_or_default(),
        custom_metric_queries: arguments.metrics.as_deref().map(metrics).transpose()?.unwrap_or_default(),
    };
    let hub = Hub::open(&arguments.hub)?;
    let errors = hub.service.test_configuration_queries(&queries).await;
    let errors = errors.map_err(|error| hub.explain(error, None))?;
    let wrong =
        [("condition", &errors.target_condition_error)].into_iter().filter(|(_, why)| !why.is_empty());
    let wrong = wrong.chain(errors.custom_metric_query_errors.iter().map(|(name, why)| (&**name, why)));
    let wrong: Vec<(&str, String)> = wrong.map(|(what, why)| (what, why.clone())).collect();
    output.show(&errors, || match wrong.is_empty() {
        true => "nothing is wrong".into(),
        false => table::record(wrong.clone()),
    })?;
    match wrong.len() {
        0 => Ok(()),
        count => Err(Failure::failed(format_args!("{count} of them cannot be used"))),
    }
}

impl Named for ConfigurationArgument {
    const CONDITION: &'static str = "Only if the configuration has this etag";

    fn id(&self) -> &str {
        let name = self.configuration.as_ref().or(self.config_id.as_ref());
        name.expect("clap wants exactly one of the two")
    }
}

/// What is to be another one than before.
#[derive(Default)]
struct Edit {
    target_condition: Option<String>,
    priority: Option<u32>,
    labels: Option<BTreeMap<String, String>>,
    queries: Option<BTreeMap<String, String>>,
}

impl Changes {
    fn read(&self) -> Result<Edit, Failure> {
        Ok(Edit {
            target_condition: self.target_condition.clone(),
            priority: self.priority,
            labels: self.labels.as_deref().map(labels).transpose()?,
            queries: self.metrics.as_deref().map(metrics).transpose()?,
        })
    }
}

impl Edit {
    const fn is_nothing(&self) -> bool {
        self.target_condition.is_none()
            && self.priority.is_none()
            && self.labels.is_none()
            && self.queries.is_none()
    }

    fn apply_to(&self, configuration: &mut Configuration) {
        let Self { target_condition, priority, labels, queries } = self;
        if let Some(condition) = target_condition {
            configuration.target_condition.clone_from(condition);
        }
        if let Some(priority) = priority {
            configuration.priority = *priority;
        }
        if let Some(labels) = labels {
            configuration.labels.clone_from(labels);
        }
        if let Some(queries) = queries {
            configuration.metrics =
                ConfigurationMetrics { queries: queries.clone(), ..ConfigurationMetrics::default() };
        }
    }
}

/// What a person is to know about a request about this configuration that has no result.
fn explain(hub: &Hub, error: Error, id: &str) -> Failure {
    match error.code() {
        Some(ErrorCode::ConfigurationNotFound) => Failure::absent(format_args!(
            "no configuration named {id} (`iothub configuration list` shows which there are)"
        ))
        .cause(&error),
        Some(ErrorCode::ConfigurationAlreadyExists) => Failure::conflict(format_args!(
            "configuration {id} exists already (change it with `iothub configuration update {id}`)"
        ))
        .cause(&error),
        Some(ErrorCode::PreconditionFailed) => Failure::conflict(format_args!(
            "{id} has been changed since that etag was read (read it again, then try again)"
        ))
        .cause(&error),
        _ => hub.explain(error, None),
    }
}

fn print(configuration: &Configuration, output: &mut Output) -> Result<(), Failure> {
    output.show(configuration, || {
        let pairs = |map: &BTreeMap<String, String>| {
            map.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
        };
        let counts = [&configuration.system_metrics, &configuration.metrics];
        let counts = counts.iter().flat_map(|metrics| &metrics.results);
        let counts: Vec<String> = counts.map(|(name, count)| format!("{name}: {count}")).collect();
        let content = serde_json::to_string_pretty(&configuration.content);
        table::record([
            ("configuration", configuration.id.clone()),
            ("priority", configuration.priority.to_string()),
            ("condition", configuration.target_condition.clone()),
            ("labels", pairs(&configuration.labels)),
            ("content", content.expect("documents have text for keys, all that can fail")),
            ("queries", pairs(&configuration.metrics.queries)),
            ("counts", counts.join("\n")),
            ("etag", configuration.etag.as_ref().map(ToString::to_string).unwrap_or_default()),
        ])
    })
}

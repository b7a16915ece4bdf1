use clap::ValueEnum;
use serde::Serialize;

use super::{ConfigurationArgument, explain};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::named::Named;
use crate::output::Output;
use crate::table;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationArgument,
    /// Which metric
    #[arg(long, short = 'm', visible_alias = "mid", value_name = "NAME")]
    metric_id: String,
    /// Whose: user is what --metrics named, system what every configuration has
    #[arg(long, visible_alias = "mt", value_name = "TYPE", default_value = "user")]
    metric_type: Kind,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    User,
    System,
}

/// A metric, as it is printed.
#[derive(Serialize)]
struct Metric {
    metric: String,
    query: Option<String>,
    /// `None` if it has not been counted yet.
    result: Option<u64>,
}

pub(super) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.configuration.id();
    let configuration = hub.service.get_configuration(id).await;
    let configuration = configuration.map_err(|error| explain(&hub, error, id))?;
    let metrics = match arguments.metric_type {
        Kind::User => &configuration.metrics,
        Kind::System => &configuration.system_metrics,
    };
    let name = &arguments.metric_id;
    let metric = Metric {
        metric: name.clone(),
        query: metrics.queries.get(name).cloned(),
        result: metrics.results.get(name).copied(),
    };
    if metric.query.is_none() && metric.result.is_none() {
        let known = metrics.queries.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".into() } else { known };
        return Err(Failure::absent(format_args!(
            "no metric {name} in configuration {id} (there are: {known})"
        )));
    }
    output.show(&metric, || {
        table::record([
            ("metric", metric.metric.clone()),
            ("query", metric.query.clone().unwrap_or_default()),
            ("result", metric.result.map_or_else(|| "not counted yet".into(), |count| count.to_string())),
        ])
    })
}

use iothub_model::QueryPlan;
use serde_json::Value;

use crate::columns::{cell, columns, objects};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::paged::Paged;
use crate::table;

/// Find devices, modules and jobs by what their twins say
///
/// In a pipe, and as ndjson, each row is a line, written as it comes; json is one list, which is not closed if something
/// goes wrong before its end. The table shows of whole twins who and how they are, and tags; csv has a column for each
/// name in a row.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub query "SELECT * FROM devices WHERE tags.site = 'north' AND properties.reported.rate >= 60"
  iothub query "SELECT tags.site AS site, COUNT() AS n FROM devices GROUP BY tags.site" -o csv
  iothub query "SELECT deviceId FROM devices WHERE status = 'disabled'" --top 5 -o ndjson | jq -r .deviceId
  iothub query "SELECT * FROM devices WHERE tags.site = 'north'" --explain
  iothub query -q "SELECT * FROM devices.jobs WHERE jobId = 'reboot-1'" -o json"#)]
pub(crate) struct Arguments {
    /// The query, in IoT Hub's language
    #[arg(value_name = "QUERY", required_unless_present = "query_command", conflicts_with = "query_command")]
    query: Option<String>,
    /// The query, as an option
    #[arg(long, short = 'q', value_name = "QUERY")]
    query_command: Option<String>,
    /// End after this many rows
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Say how a local hub finds the rows of the first page, instead of showing them: by which indexes, and how many
    /// devices and modules it looks at
    #[arg(long, conflicts_with = "top")]
    explain: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let query = arguments.query.as_ref().or(arguments.query_command.as_ref());
    let query = query.expect("clap wants exactly one of the two");
    if arguments.explain {
        let plan = hub.service.explain_query(query).await.map_err(|error| hub.explain(error, None))?;
        return output.show(&plan, || record(&plan));
    }
    let mut rows = Paged::new(output);
    let mut are_twins = false;
    let mut left = arguments.top;
    let mut after = None;
    loop {
        let page = hub.service.query(query, left, after.as_ref()).await;
        let mut page = page.map_err(|error| hub.explain(error, None))?;
        if let Some(left) = &mut left {
            page.rows.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -=
                u32::try_from(page.rows.len()).expect("no more rows than are left, which is such a number");
        }
        are_twins |= page.item_type == "Twin";
        rows.take(&page.rows)?;
        after = page.next.filter(|_| left != Some(0));
        if after.is_none() {
            return rows.end(|rows| grid(rows, are_twins));
        }
    }
}

fn record(plan: &QueryPlan) -> String {
    let indexes = plan.indexes.iter();
    let indexes: Vec<_> =
        indexes.map(|index| format!("{}: {}", index.constraint, index.identities)).collect();
    let candidates = plan.candidates.unwrap_or(plan.identities);
    table::record([
        ("access", plan.access.to_string()),
        ("why", plan.reason.clone().unwrap_or_default()),
        ("indexes", indexes.join("\n")),
        ("candidates", format!("{candidates} of {}", plan.identities)),
        ("looked at", plan.looked_at.to_string()),
    ])
}

const TWIN_COLUMNS: [&str; 5] = ["deviceId", "moduleId", "status", "connectionState", "tags"];

fn grid(rows: &[Value], are_twins: bool) -> Option<String> {
    let rows = objects(rows);
    let columns = if are_twins { TWIN_COLUMNS.map(str::to_owned).to_vec() } else { columns(&rows) };
    if columns.is_empty() {
        return None;
    }
    let heading = columns.iter().map(|column| column.to_uppercase()).collect();
    let cells = rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect());
    Some(table::grid(heading, cells))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_all_that_rows_have() {
        let rows = [json!({"site": "north", "n": 2}), json!({"n": 1, "tags": {"a": 1}})];
        assert_eq!(grid(&rows, false).as_deref(), Some("SITE   N  TAGS\nnorth  2\n       1  {\"a\":1}"));
        assert_eq!(grid(&[], false), None);
    }
}

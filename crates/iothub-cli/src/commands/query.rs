use iothub_model::Object;
use serde_json::Value;

use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::table;

/// Find devices and modules by what their twins say
///
/// As JSON, each row is a line, written as it comes. The table shows of whole twins who and how they are, and tags.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub query "SELECT * FROM devices WHERE tags.site = 'north' AND properties.reported.rate >= 60"
  iothub query "SELECT tags.site AS site, COUNT() AS n FROM devices GROUP BY tags.site"
  iothub query "SELECT TOP 5 deviceId FROM devices WHERE status = 'disabled'" -o json | jq -r .deviceId"#)]
pub(crate) struct Arguments {
    /// The query, in IoT Hub's language
    #[arg(value_name = "QUERY")]
    query: String,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let mut shown = Vec::new();
    let mut after = None;
    let are_twins = loop {
        let page = hub.service.query(&arguments.query, None, after.as_ref()).await;
        let page = page.map_err(|error| hub.explain(error, None))?;
        let are_twins = page.item_type == "Twin";
        if output.is_for_people() {
            shown.extend(page.rows);
        } else {
            page.rows.iter().try_for_each(|row| output.show(row, String::new))?;
        }
        after = page.next;
        if after.is_none() {
            break are_twins;
        }
    };
    if !output.is_for_people() {
        return Ok(());
    }
    let rows: Vec<Object> = shown.into_iter().filter_map(object).collect();
    let columns = if are_twins { TWIN_COLUMNS.map(str::to_owned).to_vec() } else { columns(&rows) };
    match columns.is_empty() {
        true => Ok(()),
        false => output.line(&grid(&columns, &rows)),
    }
}

const TWIN_COLUMNS: [&str; 5] = ["deviceId", "moduleId", "status", "connectionState", "tags"];

fn object(row: Value) -> Option<Object> {
    match row {
        Value::Object(row) => Some(row),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// Every name that a row has, in the order in which they come.
fn columns(rows: &[Object]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for name in rows.iter().flat_map(Object::keys) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    columns
}

fn grid(columns: &[String], rows: &[Object]) -> String {
    let cell = |row: &Object, column: &String| match row.get(column) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let heading = columns.iter().map(|column| column.to_uppercase()).collect();
    table::grid(heading, rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_all_that_rows_have() {
        let rows = [json!({"site": "north", "n": 2}), json!({"n": 1, "tags": {"a": 1}})];
        let rows: Vec<Object> = rows.into_iter().filter_map(object).collect();
        let text = grid(&columns(&rows), &rows);
        assert_eq!(text, "SITE   N  TAGS\nnorth  2\n       1  {\"a\":1}");
    }
}

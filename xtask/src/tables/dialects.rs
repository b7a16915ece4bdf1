use iothub_codec::{
    Answer, Dialect, Direction, OperationKind, OperationRow, Parameter, Status, SystemProperty, ValueKind,
};

/// One row for each operation and one for each reply, with the topic in each dialect.
pub(super) fn operations() -> String {
    let mut table = Table::new(["message", "direction", CLASSIC, PREVIEW311, PREVIEW5]);
    for kind in OperationKind::ALL.iter().copied() {
        let rows = Dialect::ALL.iter().map(|dialect| (*dialect, dialect.operation(kind)));
        let rows: Vec<_> = rows.collect();
        let Some(known) = rows.iter().find_map(|(_, row)| *row) else { continue };
        let (there, back) = match known.direction {
            Direction::ToHub => ("device → hub", "hub → device"),
            Direction::ToDevice => ("hub → device", "device → hub"),
        };
        let begin = rows.iter().map(|(dialect, row)| row.map(|row| beginning(*dialect, row)));
        table.row([kind.to_string(), there.to_owned()].into_iter().chain(begin.map(or_dash)));
        if matches!(known.answer, Answer::Reply { .. }) {
            let replies = rows.iter().map(|(dialect, row)| row.and_then(|row| reply(*dialect, row)));
            table.row(["– its reply".to_owned(), back.to_owned()].into_iter().chain(replies.map(or_dash)));
        }
    }
    table.text
}

fn beginning(dialect: Dialect, row: &OperationRow) -> String {
    spelled(dialect, &row.topic.to_string(), row.correlation, row.parameters)
}

fn reply(dialect: Dialect, row: &OperationRow) -> Option<String> {
    match row.answer {
        Answer::Acknowledgement => None,
        Answer::Reply { topic, parameters } => {
            Some(spelled(dialect, &topic.to_string(), row.correlation, parameters))
        }
    }
}

/// The topic, and behind it what it says. What is optional stands in brackets.
fn spelled(dialect: Dialect, topic: &str, correlation: Option<&str>, parameters: &[Parameter]) -> String {
    if dialect == Dialect::Preview5 {
        let parameters = parameters.iter().map(|each| bracketed(&format!("`{}`", each.name), each.required));
        let names: Vec<_> =
            correlation.map(|name| format!("`{name}`")).into_iter().chain(parameters).collect();
        let with = if names.is_empty() { "" } else { "; " };
        return format!("`{topic}`{with}{}", names.join(", "));
    }
    let correlation = correlation.map(|name| (format!("{name}={{id}}"), true));
    let parameters =
        parameters.iter().map(|each| (format!("{}={{{}}}", each.name, each.kind), each.required));
    let mut tail = String::new();
    for (pair, required) in correlation.into_iter().chain(parameters) {
        let separator = match (tail.is_empty(), topic.ends_with('/')) {
            (true, true) => "?",
            (true, false) => "/?",
            (false, _) => "&",
        };
        tail += &bracketed(&format!("{separator}{pair}"), required);
    }
    format!("`{topic}{tail}`")
}

fn bracketed(text: &str, required: bool) -> String {
    if required { text.to_owned() } else { format!("[{text}]") }
}

/// One row for each system property, with its name in each dialect and what the previews want it for.
pub(super) fn properties() -> String {
    let mut table = Table::new(["property", CLASSIC, PREVIEW311, PREVIEW5]);
    for property in SystemProperty::ALL.iter().copied() {
        let cells = Dialect::ALL.iter().map(|dialect| or_dash(cell_of_property(*dialect, property)));
        table.row(core::iter::once(format!("`{}`", property.event_name())).chain(cells));
    }
    let prefixes = Dialect::ALL.iter().map(|dialect| {
        let prefix = dialect.operations().iter().find_map(OperationRow::application_prefix);
        or_dash(prefix.map(|prefix| format!("`{prefix}{{name}}`")))
    });
    table.row(core::iter::once("any of the application's".to_owned()).chain(prefixes));
    table.text
}

fn cell_of_property(dialect: Dialect, property: SystemProperty) -> Option<String> {
    let name = dialect.property_name(property)?;
    if dialect == Dialect::Classic {
        return Some(format!("`{name}`"));
    }
    let mut kind = ValueKind::Text;
    let mut carriers = Vec::new();
    for row in dialect.operations() {
        for found in row.properties().filter(|found| found.property == property) {
            kind = found.kind;
            carriers.push(format!("{}{}", row.kind, if found.required { "*" } else { "" }));
        }
    }
    Some(format!("`{name}` {kind}: {}", carriers.join(", ")))
}

/// One row for each status, with what goes with it and which operations may end in it.
pub(super) fn statuses() -> String {
    let header =
        ["status", "name", "try again", "HTTP", "reason code", "with", CLASSIC, PREVIEW311, PREVIEW5];
    let mut table = Table::new(header);
    for status in Status::ALL.iter().copied() {
        let with = [(status.may_have_reason(), "reason"), (status.may_have_trace_id(), "trace id")];
        let with: Vec<_> = with.into_iter().filter(|(may, _)| *may).map(|(_, what)| what).collect();
        let ends = Dialect::ALL.iter().map(|dialect| {
            let rows = dialect.operations().iter().filter(|row| row.statuses.contains(&status));
            rows.map(|row| row.kind.to_string()).collect::<Vec<_>>().join(", ")
        });
        let cells = [
            format!("{:04X}", status.code()),
            status.name().unwrap_or_default().to_owned(),
            if status.is_retryable() { "yes" } else { "no" }.to_owned(),
            status.http().to_string(),
            status.reason_code().to_string(),
            with.join(", "),
        ];
        let all = "every operation".to_owned();
        let ends = ends.map(|ends| if status == Status::SUCCESS { all.clone() } else { ends });
        table.row(cells.into_iter().chain(ends).map(|cell| or_dash(Some(cell))));
    }
    table.text
}

const CLASSIC: &str = "classic";
const PREVIEW311: &str = "`$az/iot`";
const PREVIEW5: &str = "MQTT 5";

fn or_dash(cell: Option<String>) -> String {
    cell.filter(|cell| !cell.is_empty()).unwrap_or_else(|| "–".to_owned())
}

/// A table of Markdown.
struct Table {
    text: String,
}

impl Table {
    fn new<const N: usize>(header: [&str; N]) -> Self {
        let mut table = Self { text: String::new() };
        table.row(header.map(str::to_owned));
        table.text += &format!("{}|\n", "|---".repeat(N));
        table
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for cell in cells {
            self.text += &format!("| {cell} ");
        }
        self.text += "|\n";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_say_what_the_codec_does() {
        for (table, line) in [
            (operations(), "| method | hub → device | `$iothub/methods/POST/{name}/?$rid={id}` |"),
            (operations(), "| – its reply | device → hub | `$iothub/methods/res/{code}/?$rid={id}` |"),
            (
                operations(),
                "| patch reported | device → hub | `$iothub/twin/PATCH/properties/reported/?$rid={id}[&$version={u64}]` |",
            ),
            (properties(), "| `message-id` | `$.mid` |"),
            (statuses(), "| 0501 | Throttled | yes | 429 | 151 | – | get twin, patch reported |"),
            (statuses(), "| 0504 | Not Found | no | 404 | 131 | reason | – |"),
        ] {
            assert!(table.lines().any(|each| each.starts_with(line)), "{line}\n{table}");
        }
    }

    #[test]
    fn each_row_has_as_many_cells_as_the_first() {
        for table in [operations(), properties(), statuses()] {
            let bars = |line: &str| line.matches('|').count();
            let first = table.lines().next().map(bars);
            assert!(table.lines().all(|line| Some(bars(line)) == first), "{table}");
        }
    }
}

use comfy_table::{ContentArrangement, Row, Table, presets};

use crate::terminal::printable;

/// Rows beneath a heading, one line each unless the terminal is too narrow.
pub(crate) fn rows<const N: usize>(
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    grid(heading.map(str::to_owned).to_vec(), rows.into_iter().map(Vec::from))
}

/// The same where it is not known before what the columns are.
pub(crate) fn grid(heading: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let printed = |row: Vec<String>| row.iter().map(|text| printable(text).into_owned()).collect::<Vec<_>>();
    let mut table = empty();
    table.set_header(printed(heading));
    for row in rows {
        table.add_row(printed(row));
    }
    trimmed(&table)
}

/// Names with their values. A value may have several lines; one that is empty is left out.
pub(crate) fn record<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut table = empty();
    for (name, value) in fields {
        if !value.is_empty() {
            let lines: Vec<_> = value.split('\n').map(printable).collect();
            table.add_row(Row::from([name.to_owned(), lines.join("\n")]));
        }
    }
    trimmed(&table)
}

fn empty() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let arrangement = arrangement(table.width());
    table.set_content_arrangement(arrangement);
    table
}

/// Without the blanks that only fill a frame which is not drawn.
fn trimmed(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let indent = lines.iter().all(|line| line.is_empty() || line.starts_with(' '));
    lines.iter().map(|line| if indent { line.get(1..).unwrap_or_default() } else { line }).fold(
        String::new(),
        |mut text, line| {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
            text
        },
    )
}

fn arrangement(width: Option<u16>) -> ContentArrangement {
    match width {
        // Some terminals do not know how wide they are, and say 0. One letter to a line helps nobody.
        Some(width) if width < NARROWEST => ContentArrangement::Disabled,
        Some(_) | None => ContentArrangement::Dynamic,
    }
}

/// A terminal with fewer columns breaks lines itself.
const NARROWEST: u16 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_beneath_their_heading() {
        let text =
            rows(["DEVICE", "STATUS"], [["pump-7".into(), "enabled".into()], ["p".into(), "\u{1b}".into()]]);
        assert_eq!(text, "DEVICE  STATUS\npump-7  enabled\np       \\u{1b}");
    }

    #[test]
    fn columns_shrink_only_where_words_remain() {
        for (width, shrinks) in
            [(None, true), (Some(80), true), (Some(40), true), (Some(39), false), (Some(0), false)]
        {
            assert_eq!(matches!(arrangement(width), ContentArrangement::Dynamic), shrinks, "{width:?}");
        }
    }

    #[test]
    fn a_record_leaves_out_what_is_empty() {
        let text =
            record([("device", "pump-7".into()), ("reason", String::new()), ("tags", "{\n  1\n}".into())]);
        assert_eq!(text, "device  pump-7\ntags    {\n          1\n        }");
    }
}

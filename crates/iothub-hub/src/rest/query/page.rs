use iothub_query::Select;

use crate::registry::Registry;
use crate::rest::query::Asked;
use crate::rest::query::place::Place;
use crate::rest::query::walk::Walk;
use crate::rest::row::Row;

/// A page ends behind the row that makes it longer than this, in bytes.
pub(in crate::rest) const LEN_MAX: usize = 512 * 1024;

/// Some rows, as JSON, and where the next ones begin, if there may be more.
#[derive(Debug, Default)]
pub(in crate::rest) struct Page {
    pub(in crate::rest) rows: Vec<Vec<u8>>,
    pub(in crate::rest) next: Option<Place>,
}

/// A row for each identity that is selected, from where the page before ended; and how many were looked at for them.
pub(super) fn scanned(registry: &Registry, asked: &Asked, walk: &Walk) -> (Page, u64) {
    let Asked { query, rows_max, .. } = asked;
    let mut place = asked.place.clone();
    let top = query.top.unwrap_or(u64::MAX);
    let mut stops = walk.rest(registry).peekable();
    let (mut page, mut len, mut looked_at) = (Page::default(), 0, 0);
    while let Some(stop) = stops.next() {
        looked_at += 1;
        let row = Row { key: stop.key, entry: stop.entry };
        if stop.key.collection() == query.from && query.selects(&row) {
            let row = match query.select {
                Select::All => row.written(),
                Select::Elements(_) => query.row(&row).to_string().into_bytes(),
            };
            len += row.len();
            page.rows.push(row);
            place.count_one();
        }
        if place.given >= top || stops.peek().is_none() {
            break;
        }
        if page.rows.len() >= *rows_max || len >= LEN_MAX || looked_at >= Registry::LOOKED_AT_MAX {
            place.after = Some(walk.behind(&stop));
            page.next = Some(place);
            break;
        }
    }
    (page, looked_at as u64)
}

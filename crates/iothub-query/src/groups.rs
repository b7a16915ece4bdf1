use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::aggregate::{Aggregate, Statistic};
use crate::datum::Datum;
use crate::number::{self, Worth};
use crate::path::Path;
use crate::query::{Column, Element, Query, Select};
use crate::source::Source;

/// Documents counted by group, for a query whose rows are made of many.
///
/// Without `GROUP BY`, all are one group, and it has a row even if it is empty. Documents that have nothing at the path
/// are a group as well, in whose row that column is absent. Rows come in the order of what they are grouped by. Counting
/// may pause between any two documents.
#[derive(Clone, Debug)]
pub struct Groups {
    elements: Vec<Element>,
    top: usize,
    group_by: Option<Path>,
    groups: BTreeMap<Key, Group>,
}

impl Groups {
    /// Most groups of one query.
    pub const MAX: usize = 10_000;

    pub(crate) fn new(query: &Query) -> Self {
        let elements = match &query.select {
            Select::All => Vec::new(),
            Select::Elements(elements) => elements.clone(),
        };
        let top = query.top.and_then(|top| usize::try_from(top).ok()).unwrap_or(usize::MAX);
        let mut groups = BTreeMap::new();
        if query.group_by.is_none() {
            groups.insert(Key::Absent, Group::new(None, &elements));
        }
        Self { elements, top, group_by: query.group_by.clone(), groups }
    }

    /// Counts a document in that the condition has selected.
    ///
    /// # Errors
    ///
    /// [`TooManyGroups`] if it begins a group beyond [`Self::MAX`]; it is not counted.
    pub fn add<S: Source + ?Sized>(&mut self, source: &S) -> Result<(), TooManyGroups> {
        let by = self.group_by.as_ref().map_or(Datum::Undefined, |path| source.resolve(path));
        let key = Key::of(&by);
        let is_full = self.groups.len() >= Self::MAX;
        if is_full && !self.groups.contains_key(&key) {
            return Err(TooManyGroups);
        }
        let group = self.groups.entry(key).or_insert_with(|| Group::new(by.into_value(), &self.elements));
        for (element, figures) in self.elements.iter().zip(&mut group.figures) {
            match &element.column {
                Column::Path(_) => {}
                Column::Aggregate(Aggregate::Count) => figures.count += 1,
                Column::Aggregate(Aggregate::Of(_, path)) => {
                    if let Datum::Number(number) = source.resolve(path) {
                        figures.add(number);
                    }
                }
            }
        }
        Ok(())
    }

    /// One row for each group, as many as the query wants.
    pub fn into_rows(self) -> Vec<Value> {
        self.groups.into_values().take(self.top).map(|group| group.into_row(&self.elements)).collect()
    }
}

/// The documents fall into more groups than are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {} groups", Groups::MAX)]
pub struct TooManyGroups;

#[derive(Clone, Debug)]
struct Group {
    by: Option<Value>,
    /// For each column, if it shows any.
    figures: Vec<Figures>,
}

impl Group {
    fn new(by: Option<Value>, elements: &[Element]) -> Self {
        Self { by, figures: vec![Figures::default(); elements.len()] }
    }

    fn into_row(self, elements: &[Element]) -> Value {
        let mut row = Map::new();
        for (element, figures) in elements.iter().zip(self.figures) {
            let value = match &element.column {
                Column::Path(_) => self.by.clone(),
                Column::Aggregate(Aggregate::Count) => Some(figures.count.into()),
                Column::Aggregate(Aggregate::Of(statistic, _)) => {
                    figures.value(*statistic).map(Value::Number)
                }
            };
            if let Some(value) = value {
                row.insert(element.name().to_owned(), value);
            }
        }
        Value::Object(row)
    }
}

#[derive(Clone, Debug, Default)]
struct Figures {
    count: u64,
    sum: Sum,
    min: Option<Number>,
    max: Option<Number>,
}

impl Figures {
    fn add(&mut self, number: Number) {
        self.count += 1;
        self.sum.add(&number);
        if self.min.as_ref().is_none_or(|min| number::compare(&number, min).is_lt()) {
            self.min = Some(number.clone());
        }
        if self.max.as_ref().is_none_or(|max| number::compare(&number, max).is_gt()) {
            self.max = Some(number);
        }
    }

    fn value(self, statistic: Statistic) -> Option<Number> {
        match statistic {
            Statistic::Sum => self.sum.number(),
            Statistic::Avg if self.count == 0 => None,
            Statistic::Avg => Number::from_f64(self.sum.float() / self.count as f64),
            Statistic::Min => self.min,
            Statistic::Max => self.max,
        }
    }
}

/// Exact for whole numbers: the order of documents must not show in the result more than it has to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    whole: i128,
    parts: f64,
    has_parts: bool,
}

impl Sum {
    fn add(&mut self, number: &Number) {
        match number::whole(number).and_then(|whole| self.whole.checked_add(whole)) {
            Some(whole) => self.whole = whole,
            None => {
                self.parts += number::float(number);
                self.has_parts = true;
            }
        }
    }

    fn float(self) -> f64 {
        self.whole as f64 + self.parts
    }

    fn number(self) -> Option<Number> {
        match self.has_parts {
            true => Number::from_f64(self.float()),
            false => number::from_whole(self.whole),
        }
    }
}

/// What tells groups apart, and orders them: values that are equal are the same group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Absent,
    Null,
    Bool(bool),
    Number(Worth),
    Text(String),
    /// Written as JSON.
    Composite(String),
}

impl Key {
    fn of(datum: &Datum<'_>) -> Self {
        match datum {
            Datum::Undefined => Self::Absent,
            Datum::Null => Self::Null,
            Datum::Bool(truth) => Self::Bool(*truth),
            Datum::Number(number) => Self::Number(Worth(number.clone())),
            Datum::Text(text) => Self::Text(text.clone().into_owned()),
            Datum::Composite(value) => Self::Composite(value.to_string()),
        }
    }
}

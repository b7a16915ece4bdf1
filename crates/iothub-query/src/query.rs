use serde_json::{Map, Value};

use crate::aggregate::Aggregate;
use crate::collection::Collection;
use crate::condition::Condition;
use crate::error::ParseError;
use crate::groups::{Groups, TooManyGroups};
use crate::name::Name;
use crate::parse;
use crate::path::Path;
use crate::source::{Document, Source};

/// A question about all documents of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// `TOP`: at most so many rows.
    pub top: Option<u64>,
    /// What each row has.
    pub select: Select,
    /// What is asked about.
    pub from: Collection,
    /// `WHERE`: which documents count; without it, all.
    pub condition: Option<Condition>,
    /// `GROUP BY`: one row for all documents with the same value there.
    pub group_by: Option<Path>,
}

/// What the rows of a query have.
#[derive(Clone, Debug, PartialEq)]
pub enum Select {
    /// `*`: the whole document.
    All,
    /// These columns, each called differently.
    Elements(Vec<Element>),
}

/// A column, and what it is called.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// What it shows.
    pub column: Column,
    /// `AS`: what it is called.
    pub alias: Option<Name>,
}

/// What a column shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// What stands at a path; absent where nothing does.
    Path(Path),
    /// A figure of many documents.
    Aggregate(Aggregate),
}

impl Query {
    /// Longest text that is read, in characters.
    pub const MAX_LEN: usize = 8192;

    /// Reads `SELECT … FROM … [WHERE …] [GROUP BY …]`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] says where the first thing stands that does not fit, and what should be there.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::query(text)
    }

    /// Whether a row is made of many documents, by [`Self::groups`]; otherwise it is made of one, by [`Self::row`].
    pub fn is_grouped(&self) -> bool {
        self.group_by.is_some()
            || match &self.select {
                Select::All => false,
                Select::Elements(elements) => {
                    elements.iter().any(|element| matches!(element.column, Column::Aggregate(_)))
                }
            }
    }

    /// Whether this document counts. Only the paths of the condition are asked for.
    pub fn selects<S: Source + ?Sized>(&self, source: &S) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.holds(source))
    }

    /// The row of a document. Columns that are aggregates are absent.
    pub fn row<S: Document + ?Sized>(&self, source: &S) -> Value {
        let elements = match &self.select {
            Select::All => return source.document(),
            Select::Elements(elements) => elements,
        };
        let mut row = Map::new();
        for element in elements {
            if let Column::Path(path) = &element.column
                && let Some(value) = source.resolve(path).into_value()
            {
                row.insert(element.name().to_owned(), value);
            }
        }
        Value::Object(row)
    }

    /// Where documents are counted whose rows are made of many.
    pub fn groups(&self) -> Groups {
        Groups::new(self)
    }

    /// The rows of all these documents.
    ///
    /// # Errors
    ///
    /// [`TooManyGroups`] if there are more groups than [`Groups::MAX`].
    pub fn run<'s, S: Document + ?Sized + 's>(
        &self,
        sources: impl IntoIterator<Item = &'s S>,
    ) -> Result<Vec<Value>, TooManyGroups> {
        let mut selected = sources.into_iter().filter(|source| self.selects(*source));
        if self.is_grouped() {
            let mut groups = self.groups();
            selected.try_for_each(|source| groups.add(source))?;
            return Ok(groups.into_rows());
        }
        let top = self.top.and_then(|top| usize::try_from(top).ok()).unwrap_or(usize::MAX);
        Ok(selected.take(top).map(|source| self.row(source)).collect())
    }
}

impl Element {
    /// What the column is called: its alias, the last name of its path, or the name of its function in lower case.
    pub fn name(&self) -> &str {
        match (&self.alias, &self.column) {
            (Some(alias), _) => alias.as_str(),
            (None, Column::Path(path)) => path.last_name().as_str(),
            (None, Column::Aggregate(Aggregate::Count)) => "count",
            (None, Column::Aggregate(Aggregate::Of(statistic, _))) => statistic.column(),
        }
    }
}

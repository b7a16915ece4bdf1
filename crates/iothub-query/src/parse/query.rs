use std::collections::BTreeSet;

use super::Parser;
use super::token::Token;
use crate::aggregate::{Aggregate, Statistic};
use crate::collection::Collection;
use crate::condition::Condition;
use crate::error::{Expected, ParseError, ParseErrorKind, Symbol};
use crate::expression::Level;
use crate::path::Path;
use crate::query::{Column, Element, Query, Select};

impl Parser<'_> {
    pub(super) fn query(mut self) -> Result<Query, ParseError> {
        self.wants_word("SELECT", Expected::Select)?;
        let top = self.top()?;
        let selected_at = self.next.at;
        let mut elements = self.elements()?;
        self.wants_word("FROM", Expected::From)?;
        let from = self.source()?;
        self.collection = Some(from);
        self.check_elements(selected_at, &mut elements, from)?;
        let condition = match self.takes_word("WHERE", Expected::Where)? {
            true => Some(Condition(self.expression(Level::Coalesce)?)),
            false => None,
        };
        let group_at = self.next.at;
        let group_by = match self.takes_word("GROUP", Expected::GroupBy)? {
            true => {
                self.wants_word("BY", Expected::By)?;
                Some(self.path(Expected::Path)?)
            }
            false => None,
        };
        self.end()?;
        if group_by.is_some() && from != Collection::Devices {
            return Err(self.error(group_at, ParseErrorKind::GroupsHere));
        }
        self.check_groups(selected_at, elements.as_deref(), group_by.as_ref())?;
        let select = match elements {
            None => Select::All,
            Some(placed) => Select::Elements(placed.into_iter().map(|placed| placed.element).collect()),
        };
        Ok(Query { top, select, from, condition, group_by })
    }

    fn top(&mut self) -> Result<Option<u64>, ParseError> {
        // The word is not named among what could stand here: few queries have it.
        if !self.takes_word("TOP", Expected::Column)? {
            return Ok(None);
        }
        self.expected.insert(Expected::Count);
        let top = match self.next.token {
            Token::Number(digits) => digits.parse().ok().filter(|top| *top > 0),
            Token::Word(_)
            | Token::Name(_)
            | Token::Text(_)
            | Token::Symbol(_)
            | Token::Stray(_)
            | Token::End => None,
        };
        match top {
            Some(top) => self.advance().map(|_| Some(top)),
            None => Err(self.unexpected()),
        }
    }

    /// None for `*`.
    fn elements(&mut self) -> Result<Option<Vec<Placed>>, ParseError> {
        if self.takes(Symbol::Star, Expected::Star)? {
            return Ok(None);
        }
        let mut elements = Vec::new();
        loop {
            let at = self.next.at;
            let column = self.column()?;
            let alias = match self.takes_word("AS", Expected::As)? {
                true => Some(self.name()?),
                false => None,
            };
            elements.push(Placed { at, element: Element { column, alias } });
            if !self.takes(Symbol::Comma, Expected::Comma)? {
                return Ok(Some(elements));
            }
        }
    }

    fn column(&mut self) -> Result<Column, ParseError> {
        let at = self.next.at;
        let Some(word) = self.next_word().filter(|_| self.is_call()) else {
            return self.path(Expected::Column).map(Column::Path);
        };
        if !is_aggregate(word) {
            return Err(self.error(at, ParseErrorKind::UnknownFunction));
        }
        self.advance()?;
        self.wants(Symbol::ParenOpen, Expected::ParenOpen)?;
        let aggregate = match statistic(word) {
            Some(statistic) => Aggregate::Of(statistic, self.path(Expected::Path)?),
            None => Aggregate::Count,
        };
        self.wants(Symbol::ParenClose, Expected::ParenClose)?;
        Ok(Column::Aggregate(aggregate))
    }

    pub(super) fn source(&mut self) -> Result<Collection, ParseError> {
        self.wants_word("devices", Expected::Collection)?;
        if !self.takes(Symbol::Dot, Expected::Dot)? {
            return Ok(Collection::Devices);
        }
        if self.takes_word("modules", Expected::Collection)? {
            return Ok(Collection::Modules);
        }
        self.wants_word("jobs", Expected::Collection).map(|()| Collection::Jobs)
    }

    /// Checks what can be said of columns once it is known what they are of.
    fn check_elements(
        &self,
        selected_at: usize,
        elements: &mut Option<Vec<Placed>>,
        from: Collection,
    ) -> Result<(), ParseError> {
        let Some(elements) = elements else { return Ok(()) };
        if from == Collection::Jobs {
            return Err(self.error(selected_at, ParseErrorKind::JobsWhole));
        }
        let mut names = BTreeSet::new();
        for Placed { at, element } in elements {
            match &mut element.column {
                Column::Aggregate(_) if from != Collection::Devices => {
                    return Err(self.error(*at, ParseErrorKind::AggregateHere));
                }
                Column::Aggregate(Aggregate::Count) => {}
                Column::Aggregate(Aggregate::Of(_, path)) | Column::Path(path) => {
                    self.settle(path, from).map_err(|kind| self.error(*at, kind))?;
                }
            }
            if !names.insert(element.name().to_owned()) {
                return Err(self.error(*at, ParseErrorKind::ColumnTwice));
            }
        }
        Ok(())
    }

    /// Every column of a row that is made of many documents must be the same for all of these.
    fn check_groups(
        &self,
        selected_at: usize,
        elements: Option<&[Placed]>,
        group_by: Option<&Path>,
    ) -> Result<(), ParseError> {
        let Some(elements) = elements else {
            return match group_by {
                Some(_) => Err(self.error(selected_at, ParseErrorKind::NotGrouped)),
                None => Ok(()),
            };
        };
        let is_aggregate = |placed: &&Placed| matches!(placed.element.column, Column::Aggregate(_));
        if group_by.is_none() && !elements.iter().any(|placed| is_aggregate(&placed)) {
            return Ok(());
        }
        let differs = |placed: &&Placed| match &placed.element.column {
            Column::Aggregate(_) => false,
            Column::Path(path) => Some(path) != group_by,
        };
        match elements.iter().find(differs) {
            Some(placed) => Err(self.error(placed.at, ParseErrorKind::NotGrouped)),
            None => Ok(()),
        }
    }
}

/// A column, and where it stands.
struct Placed {
    at: usize,
    element: Element,
}

pub(super) fn is_aggregate(word: &str) -> bool {
    word.eq_ignore_ascii_case("COUNT") || statistic(word).is_some()
}

fn statistic(word: &str) -> Option<Statistic> {
    Statistic::ALL.into_iter().find(|statistic| statistic.name().eq_ignore_ascii_case(word))
}

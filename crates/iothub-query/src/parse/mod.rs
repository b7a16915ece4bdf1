//! From text to trees.
//!
//! Words are cut out by nom in `token.rs`. The grammar above them is written out, a function for each rule: it notes
//! everything that it would have taken at the place where it stands, and an error lists that, which combinators that
//! go back and try the next forget.

mod expression;
mod job;
mod query;
mod token;

use crate::collection::Collection;
use crate::error::{Expectations, Expected, Found, ParseError, ParseErrorKind, Symbol};
use crate::expression::{Expr, Level, Literal};
use crate::name::Name;
use crate::query::Query;

use token::{Scanned, Token};

pub(crate) use expression::BODY;

pub(crate) fn query(text: &str) -> Result<Query, ParseError> {
    Parser::new(text, Dialect::Twins)?.query()
}

pub(crate) fn twin_condition(text: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, Dialect::Twins)?;
    parser.collection = Some(Collection::Devices);
    let expr = match parser.takes(Symbol::Star, Expected::Star)? {
        true => Expr::Literal(Literal::Bool(true)),
        false => parser.expression(Level::Coalesce)?,
    };
    parser.end()?;
    Ok(expr)
}

/// A condition on twins with `FROM … WHERE` in front of it, or alone on those of devices.
pub(crate) fn targets(text: &str) -> Result<(Collection, Expr), ParseError> {
    let mut parser = Parser::new(text, Dialect::Twins)?;
    if !parser.takes_word("FROM", Expected::From)? {
        return twin_condition(text).map(|expr| (Collection::Devices, expr));
    }
    let from = parser.source()?;
    parser.collection = Some(from);
    let expr = match parser.takes_word("WHERE", Expected::Where)? {
        true => parser.expression(Level::Coalesce)?,
        false => Expr::Literal(Literal::Bool(true)),
    };
    parser.end()?;
    Ok((from, expr))
}

pub(crate) fn message_condition(text: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, Dialect::Messages)?;
    let expr = parser.expression(Level::Coalesce)?;
    parser.end()?;
    Ok(expr)
}

/// Whose language is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Twins,
    Messages,
}

struct Parser<'a> {
    text: &'a str,
    dialect: Dialect,
    /// What the paths are of, once that was read.
    collection: Option<Collection>,
    /// The next token, and what is behind it.
    next: Scanned<'a>,
    /// What would have been taken instead of it.
    expected: Expectations,
    /// How many rules are open that can hold themselves.
    nesting: usize,
}

impl<'a> Parser<'a> {
    /// A sign and the parenthesis behind it are two levels of a text and one of the tree.
    const NESTING_MAX: usize = 2 * Expr::DEPTH_MAX;

    fn new(text: &'a str, dialect: Dialect) -> Result<Self, ParseError> {
        if let Some((at, _)) = text.char_indices().nth(Query::MAX_LEN) {
            return Err(ParseError::new(text, at, ParseErrorKind::TooLong));
        }
        let next = Scanned { token: Token::End, at: 0, rest: text };
        let mut parser =
            Self { text, dialect, collection: None, next, expected: Expectations::default(), nesting: 0 };
        parser.advance()?;
        Ok(parser)
    }

    /// Goes on to the next token, and gives the one before.
    fn advance(&mut self) -> Result<Token<'a>, ParseError> {
        let next = token::scan(self.text, self.next.rest, self.dialect)?;
        self.expected = Expectations::default();
        Ok(core::mem::replace(&mut self.next, next).token)
    }

    /// Takes this symbol if it is next.
    fn takes(&mut self, symbol: Symbol, expected: Expected) -> Result<bool, ParseError> {
        self.expected.insert(expected);
        let is_next = self.next.token == Token::Symbol(symbol);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn wants(&mut self, symbol: Symbol, expected: Expected) -> Result<(), ParseError> {
        match self.takes(symbol, expected)? {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    /// Takes this word, in any case, if it is next.
    fn takes_word(&mut self, word: &str, expected: Expected) -> Result<bool, ParseError> {
        self.expected.insert(expected);
        let is_next = self.next_word().is_some_and(|next| next.eq_ignore_ascii_case(word));
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn wants_word(&mut self, word: &str, expected: Expected) -> Result<(), ParseError> {
        match self.takes_word(word, expected)? {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    /// Takes a name, which any word can be where nothing else could stand.
    fn name(&mut self) -> Result<Name, ParseError> {
        self.expected.insert(Expected::Name);
        let name = match &self.next.token {
            Token::Word(word) => Name::known(word),
            Token::Name(name) => Name::known(name),
            Token::Text(_) | Token::Number(_) | Token::Symbol(_) | Token::Stray(_) | Token::End => {
                return Err(self.unexpected());
            }
        };
        self.advance()?;
        Ok(name)
    }

    fn end(&mut self) -> Result<(), ParseError> {
        self.expected.insert(Expected::End);
        match self.next.token {
            Token::End => Ok(()),
            Token::Word(_)
            | Token::Name(_)
            | Token::Text(_)
            | Token::Number(_)
            | Token::Symbol(_)
            | Token::Stray(_) => Err(self.unexpected()),
        }
    }

    /// Reads something that can hold itself.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.nesting >= Self::NESTING_MAX {
            return Err(self.error(self.next.at, ParseErrorKind::TooDeep));
        }
        self.nesting += 1;
        let inner = read(self);
        self.nesting -= 1;
        inner
    }

    const fn next_word(&self) -> Option<&'a str> {
        match self.next.token {
            Token::Word(word) => Some(word),
            Token::Name(_)
            | Token::Text(_)
            | Token::Number(_)
            | Token::Symbol(_)
            | Token::Stray(_)
            | Token::End => None,
        }
    }

    /// Whether `(` comes behind the next token: whether that is called.
    fn is_call(&self) -> bool {
        self.next.rest.trim_start().starts_with('(')
    }

    /// What is next is none of what would have been taken.
    fn unexpected(&self) -> ParseError {
        let found = match &self.next.token {
            Token::Word(_) => Found::Word,
            Token::Name(_) => Found::Name,
            Token::Text(_) => Found::Text,
            Token::Number(_) => Found::Number,
            Token::Symbol(symbol) => Found::Symbol(*symbol),
            Token::Stray(c) => Found::Character(*c),
            Token::End => Found::End,
        };
        self.error(self.next.at, ParseErrorKind::Unexpected { expected: self.expected, found })
    }

    fn error(&self, at: usize, kind: ParseErrorKind) -> ParseError {
        ParseError::new(self.text, at, kind)
    }
}

//! Trees as text that is read back as the same tree.

use core::fmt::{self, Display, Formatter, Write};

use crate::aggregate::Aggregate;
use crate::condition::Condition;
use crate::expression::{Expr, Level, Literal, Membership};
use crate::name::Name;
use crate::parse::Dialect;
use crate::path::{Path, Root, Step};
use crate::query::{Column, Element, Query, Select};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        if let Some(top) = self.top {
            write!(f, "TOP {top} ")?;
        }
        match &self.select {
            Select::All => f.write_str("*")?,
            Select::Elements(elements) => list(f, elements)?,
        }
        write!(f, " FROM {}", self.from)?;
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        match &self.group_by {
            Some(path) => write!(f, " GROUP BY {path}"),
            None => Ok(()),
        }
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.column.fmt(f)?;
        match &self.alias {
            Some(alias) => write!(f, " AS {alias}"),
            None => Ok(()),
        }
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Aggregate(Aggregate::Count) => f.write_str("COUNT()"),
            Self::Aggregate(Aggregate::Of(statistic, path)) => write!(f, "{}({path})", statistic.name()),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write(f, self, Level::Coalesce)
    }
}

/// In parentheses if it binds more loosely than that.
fn write(f: &mut Formatter<'_>, expr: &Expr, loosest: Level) -> fmt::Result {
    if level(expr) < loosest {
        f.write_char('(')?;
        write(f, expr, Level::Coalesce)?;
        return f.write_char(')');
    }
    match expr {
        Expr::Undefined => f.write_str("undefined"),
        Expr::Literal(literal) => literal.fmt(f),
        Expr::Array(items) => bracketed(f, items),
        Expr::Path(path) => path.fmt(f),
        Expr::Not(inner) => {
            f.write_str("NOT ")?;
            write(f, inner, Level::Operand)
        }
        // A sign and a number would be read as one constant.
        Expr::Negate(inner) if matches!(**inner, Expr::Literal(Literal::Number(_))) => {
            write!(f, "-({inner})")
        }
        Expr::Negate(inner) => {
            f.write_char('-')?;
            write(f, inner, Level::Operand)
        }
        Expr::All(members) => joined(f, members, "AND", Level::And.tighter(), "true"),
        Expr::Any(members) => joined(f, members, "OR", Level::Or.tighter(), "false"),
        Expr::Compare(left, comparison, right) => {
            write(f, left, comparison.level())?;
            write!(f, " {} ", comparison.symbol())?;
            write(f, right, comparison.level().tighter())
        }
        Expr::Combine(left, operator, right) => {
            write(f, left, operator.level())?;
            write!(f, " {} ", operator.symbol())?;
            write(f, right, operator.level().tighter())
        }
        Expr::Member(of, membership, among) => {
            write(f, of, Level::Order)?;
            f.write_str(match membership {
                Membership::In => " IN ",
                Membership::NotIn => " NIN ",
            })?;
            bracketed(f, among)
        }
        Expr::Call(function, arguments) => {
            write!(f, "{}(", function.name())?;
            list(f, arguments)?;
            f.write_char(')')
        }
    }
}

fn level(expr: &Expr) -> Level {
    match expr {
        Expr::All(members) | Expr::Any(members) if members.is_empty() => Level::Operand,
        Expr::All(_) => Level::And,
        Expr::Any(_) => Level::Or,
        Expr::Not(_) => Level::Not,
        Expr::Compare(_, comparison, _) => comparison.level(),
        Expr::Member(..) => Level::Order,
        Expr::Combine(_, operator, _) => operator.level(),
        Expr::Undefined
        | Expr::Literal(_)
        | Expr::Array(_)
        | Expr::Path(_)
        | Expr::Negate(_)
        | Expr::Call(..) => Level::Operand,
    }
}

fn joined(
    f: &mut Formatter<'_>,
    members: &[Expr],
    word: &str,
    loosest: Level,
    if_empty: &str,
) -> fmt::Result {
    let Some((first, others)) = members.split_first() else { return f.write_str(if_empty) };
    write(f, first, loosest)?;
    others.iter().try_for_each(|member| {
        write!(f, " {word} ")?;
        write(f, member, loosest)
    })
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => truth.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => {
                f.write_char('\'')?;
                for c in text.chars() {
                    match c {
                        '\'' | '\\' => write!(f, "\\{c}")?,
                        c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                        c => f.write_char(c)?,
                    }
                }
                f.write_char('\'')
            }
        }
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Name(name) if is_reserved_anywhere(name) => write!(f, "[[{}]]", name.as_str())?,
            Root::Name(name) => name.fmt(f)?,
            Root::System(name) => write!(f, "{{${}}}", name.as_str())?,
        }
        self.steps.iter().try_for_each(|step| match step {
            Step::Name(name) => write!(f, ".{name}"),
            Step::Index(at) => write!(f, "[{at}]"),
        })
    }
}

fn is_reserved_anywhere(name: &Name) -> bool {
    is_reserved(name.as_str(), Dialect::Twins) || is_reserved(name.as_str(), Dialect::Messages)
}

/// Whether that word cannot begin a path, as it means something else.
pub(crate) fn is_reserved(word: &str, dialect: Dialect) -> bool {
    let is_one_of = |words: &[&str]| words.iter().any(|reserved| reserved.eq_ignore_ascii_case(word));
    is_operator_word(word)
        || match dialect {
            Dialect::Twins => is_one_of(&CLAUSES) || is_one_of(&CONSTANTS),
            Dialect::Messages => CONSTANTS.contains(&word),
        }
}

/// Whether that word is an operator, so that a parenthesis behind it holds no arguments.
pub(crate) fn is_operator_word(word: &str) -> bool {
    OPERATORS.iter().any(|operator| operator.eq_ignore_ascii_case(word))
}

const OPERATORS: [&str; 5] = ["AND", "OR", "NOT", "IN", "NIN"];
const CLAUSES: [&str; 7] = ["SELECT", "TOP", "FROM", "WHERE", "GROUP", "BY", "AS"];
const CONSTANTS: [&str; 4] = ["undefined", "null", "true", "false"];

fn bracketed(f: &mut Formatter<'_>, items: &[Literal]) -> fmt::Result {
    f.write_char('[')?;
    list(f, items)?;
    f.write_char(']')
}

pub(crate) fn list<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        let before = if at > 0 { ", " } else { "" };
        write!(f, "{before}{item}")?;
    }
    Ok(())
}

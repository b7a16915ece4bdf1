use core::fmt;

use crate::expression::Expr;
use crate::function::Function;
use crate::query::Query;

/// Why a text is no query or condition, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct ParseError {
    /// Where, in bytes from the beginning of the text.
    pub at: usize,
    /// The line of that place, from 1.
    pub line: usize,
    /// Its column, in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

impl ParseError {
    /// `at` may be anywhere in the text, and is then at the beginning of a character.
    pub(crate) fn new(text: &str, at: usize, kind: ParseErrorKind) -> Self {
        let at = text.floor_char_boundary(at);
        let before = &text[..at];
        let line = before.rsplit('\n').next().unwrap_or(before);
        Self { at, line: before.matches('\n').count() + 1, column: line.chars().count() + 1, kind }
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The text is longer than [`Query::MAX_LEN`].
    #[error("longer than {} characters", Query::MAX_LEN)]
    TooLong,
    /// More levels than [`Expr::DEPTH_MAX`].
    #[error("more than {} levels", Expr::DEPTH_MAX)]
    TooDeep,
    /// Something else should stand there.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could have gone on there.
        expected: Expectations,
        /// What does.
        found: Found,
    },
    /// A text without its second quote.
    #[error("a text that does not end")]
    OpenText,
    /// A backslash with something else than a quote, a backslash or `uXXXX` behind it.
    #[error("no escape: known are \\', \\\", \\\\ and \\uXXXX")]
    BadEscape,
    /// No number, or one beyond all numbers of JSON.
    #[error("not a number")]
    BadNumber,
    /// `[[` without `]]`, or with nothing between them.
    #[error("not a name in double brackets")]
    BadName,
    /// Nothing of that name can be called.
    #[error("no such function")]
    UnknownFunction,
    /// More or fewer arguments than it takes.
    #[error("{} does not take so many arguments", .0.name())]
    ArgumentCount(Function),
    /// A figure of many rows where one row is meant, or of what has no such figures.
    #[error("an aggregate, which only columns of `devices` can be")]
    AggregateHere,
    /// A column that is called like another.
    #[error("a column called like another one (give it an alias)")]
    ColumnTwice,
    /// A column that differs within a group.
    #[error("a column that is neither an aggregate nor what rows are grouped by")]
    NotGrouped,
    /// `GROUP BY` where there are no groups.
    #[error("only `devices` can be grouped")]
    GroupsHere,
    /// `devices.jobs` with columns.
    #[error("of devices.jobs, only `*` can be selected")]
    JobsWhole,
    /// No column of `devices.jobs`.
    #[error("not a column of devices.jobs")]
    NoJobColumn,
}

/// What could have come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `SELECT`
    Select,
    /// `*`
    Star,
    /// A path or an aggregate.
    Column,
    /// `AS`
    As,
    /// `FROM`
    From,
    /// What a query can be about.
    Collection,
    /// `WHERE`
    Where,
    /// `GROUP BY`
    GroupBy,
    /// `BY`
    By,
    /// What an expression begins with.
    Value,
    /// A constant.
    Constant,
    /// A path.
    Path,
    /// A name.
    Name,
    /// A whole number from 0.
    Whole,
    /// A whole number from 1, behind `TOP`.
    Count,
    /// What goes between two values.
    Operator,
    /// `(`
    ParenOpen,
    /// `)`
    ParenClose,
    /// `[`
    BracketOpen,
    /// `]`
    BracketClose,
    /// `}`
    BraceClose,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// The end of the text.
    End,
}

impl Expected {
    const ALL: [(Self, &'static str); 24] = [
        (Self::Select, "SELECT"),
        (Self::Star, "`*`"),
        (Self::Column, "a column"),
        (Self::As, "AS"),
        (Self::From, "FROM"),
        (Self::Collection, "devices, devices.modules, devices.jobs"),
        (Self::Where, "WHERE"),
        (Self::GroupBy, "GROUP BY"),
        (Self::By, "BY"),
        (Self::Value, "a value"),
        (Self::Constant, "a constant"),
        (Self::Path, "a path"),
        (Self::Name, "a name"),
        (Self::Whole, "a whole number"),
        (Self::Count, "a whole number from 1 on"),
        (Self::Operator, "an operator"),
        (Self::ParenOpen, "`(`"),
        (Self::ParenClose, "`)`"),
        (Self::BracketOpen, "`[`"),
        (Self::BracketClose, "`]`"),
        (Self::BraceClose, "`}`"),
        (Self::Comma, "`,`"),
        (Self::Dot, "`.`"),
        (Self::End, "the end"),
    ];
}

/// All that could have come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectations(u32);

impl Expectations {
    /// Whether that is one of them.
    pub const fn contains(self, expected: Expected) -> bool {
        self.0 & (1 << expected as u32) != 0
    }

    pub(crate) const fn insert(&mut self, expected: Expected) {
        self.0 |= 1 << expected as u32;
    }
}

impl FromIterator<Expected> for Expectations {
    fn from_iter<I: IntoIterator<Item = Expected>>(all: I) -> Self {
        all.into_iter().fold(Self::default(), |mut set, expected| {
            set.insert(expected);
            set
        })
    }
}

/// `a, b or c`
impl fmt::Display for Expectations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = Expected::ALL.into_iter().filter(|(expected, _)| self.contains(*expected));
        let texts: Vec<&str> = texts.map(|(_, text)| text).collect();
        match texts.split_last() {
            Some((last, [])) => f.write_str(last),
            Some((last, others)) => write!(f, "{} or {last}", others.join(", ")),
            None => f.write_str("something else"),
        }
    }
}

/// What stands there instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Found {
    /// A name or a word of the language.
    #[error("a word")]
    Word,
    /// A name in double brackets.
    #[error("a name")]
    Name,
    /// A text.
    #[error("a text")]
    Text,
    /// A number.
    #[error("a number")]
    Number,
    /// A symbol of the language.
    #[error("`{0}`")]
    Symbol(Symbol),
    /// A character that begins nothing.
    #[error("{0:?}")]
    Character(char),
    /// The end of the text.
    #[error("the end")]
    End,
}

macro_rules! symbols {
    ($($name:ident $text:literal),* $(,)?) => {
        /// What is neither a word nor a constant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is called after what it looks like")]
        pub enum Symbol {
            $($name),*
        }

        impl Symbol {
            /// Every symbol, none before one that it begins.
            pub(crate) const ALL: [(Self, &'static str); [$($text),*].len()] = [$((Self::$name, $text)),*];
        }

        impl fmt::Display for Symbol {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text),*
                })
            }
        }
    };
}

symbols! {
    NotEqual "!=",
    LessGreater "<>",
    AtMost "<=",
    AtLeast ">=",
    Less "<",
    Greater ">",
    Equal "=",
    Concatenate "||",
    Coalesce "??",
    Plus "+",
    Minus "-",
    Star "*",
    Slash "/",
    Percent "%",
    ParenOpen "(",
    ParenClose ")",
    BracketOpen "[",
    BracketClose "]",
    BraceOpen "{",
    BraceClose "}",
    Comma ",",
    Dot ".",
}

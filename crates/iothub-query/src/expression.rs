use serde_json::Number;

use crate::function::Function;
use crate::path::Path;

/// What a condition says: a tree whose leaves are paths and constants.
///
/// A tree made by hand prints as a text that is read back as the same tree if it has no more levels than
/// [`Self::DEPTH_MAX`], at least two members in each [`Self::All`] and [`Self::Any`], and as many arguments as its
/// functions take.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `undefined`.
    Undefined,
    /// A constant.
    Literal(Literal),
    /// `[1, 'a']`: equal to nothing, as only primitives are compared.
    Array(Vec<Literal>),
    /// What stands at a path.
    Path(Path),
    /// `NOT`.
    Not(Box<Self>),
    /// `-`.
    Negate(Box<Self>),
    /// `AND` between all of these; of none, true.
    All(Vec<Self>),
    /// `OR` between all of these; of none, false.
    Any(Vec<Self>),
    /// Two values compared.
    Compare(Box<Self>, Comparison, Box<Self>),
    /// Two values made one.
    Combine(Box<Self>, Operator, Box<Self>),
    /// Whether a value is one of these.
    Member(Box<Self>, Membership, Vec<Literal>),
    /// A function of these.
    Call(Function, Vec<Self>),
}

/// A constant that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, decimal or with `0x` in front.
    Number(Number),
    /// A text in single or double quotes.
    Text(String),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// How one value is made of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`: what is left by a division, with the sign of what was divided.
    Remainder,
    /// `||`: two texts one behind the other. Only routes say this.
    Concatenate,
    /// `??`: the first, or if it is undefined the second. Only routes say this.
    Coalesce,
}

/// Whether a value is to be in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// `IN`
    In,
    /// `NIN`
    NotIn,
}

impl Expr {
    /// Most levels of a tree; a text may have twice as many parentheses inside each other. All members of one `AND` or
    /// `OR` are on one level.
    pub const DEPTH_MAX: usize = 64;
}

impl Comparison {
    /// Every comparison.
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::AtMost, Self::Greater, Self::AtLeast];

    /// As it is printed.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    /// The comparison that says the same with its sides exchanged.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }

    /// How tightly it binds.
    pub(crate) const fn level(self) -> Level {
        match self {
            Self::Equal | Self::NotEqual => Level::Equality,
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => Level::Order,
        }
    }
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 7] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Remainder,
        Self::Concatenate,
        Self::Coalesce,
    ];

    /// As it is printed.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Concatenate => "||",
            Self::Coalesce => "??",
        }
    }

    pub(crate) const fn level(self) -> Level {
        match self {
            Self::Coalesce => Level::Coalesce,
            Self::Add | Self::Subtract | Self::Concatenate => Level::Sum,
            Self::Multiply | Self::Divide | Self::Remainder => Level::Product,
        }
    }
}

/// How tightly an operator binds, from loosely to tightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Coalesce,
    Or,
    And,
    /// Looser than comparisons, as in SQL. Where it binds as tightly as a sign, a comparison behind it would be
    /// undefined and no condition could mean that; what is printed has parentheses and means the same to both.
    Not,
    Equality,
    Order,
    Sum,
    Product,
    /// Nothing is looser inside of it.
    Operand,
}

impl Level {
    /// The next tighter one: that of what stands right of an operator.
    pub(crate) const fn tighter(self) -> Self {
        match self {
            Self::Coalesce => Self::Or,
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Equality,
            Self::Equality => Self::Order,
            Self::Order => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product | Self::Operand => Self::Operand,
        }
    }
}

use serde_json::Number;

use super::token::Token;
use super::{Dialect, Parser};
use crate::collection::Collection;
use crate::error::{Expected, ParseError, ParseErrorKind, Symbol};
use crate::expression::{Comparison, Expr, Level, Literal, Membership, Operator};
use crate::function::Function;
use crate::name::Name;
use crate::number;
use crate::path::{Path, Root, Step};
use crate::print;

impl Parser<'_> {
    /// Reads operators that bind at least so tightly, and what is between them.
    pub(super) fn expression(&mut self, loosest: Level) -> Result<Expr, ParseError> {
        self.tall(loosest).map(|tall| tall.expr)
    }

    fn tall(&mut self, loosest: Level) -> Result<Tall, ParseError> {
        let mut left = self.prefixed()?;
        while let Some(infix) = self.infix(loosest) {
            let at = self.next.at;
            left = match infix {
                Infix::And => self.joined(left, Infix::And, Level::And, Expr::All)?,
                Infix::Or => self.joined(left, Infix::Or, Level::Or, Expr::Any)?,
                Infix::Compare(comparison) => {
                    self.advance()?;
                    let right = self.tall(comparison.level().tighter())?;
                    let height = left.height.max(right.height);
                    let expr = self.compared(left.expr, comparison, right.expr);
                    self.taller(at, height, expr)?
                }
                Infix::Combine(operator) => {
                    self.advance()?;
                    let right = self.tall(operator.level().tighter())?;
                    let height = left.height.max(right.height);
                    self.taller(at, height, Expr::Combine(left.expr.into(), operator, right.expr.into()))?
                }
                Infix::Member(membership) => {
                    self.advance()?;
                    self.wants(Symbol::BracketOpen, Expected::BracketOpen)?;
                    let mut among = self.constants()?;
                    self.use_job_words(&left.expr, &mut among);
                    self.taller(at, left.height, Expr::Member(left.expr.into(), membership, among))?
                }
            };
        }
        Ok(left)
    }

    /// Reads all members of one `AND` or `OR`, which are on one level however many they are.
    fn joined(
        &mut self,
        first: Tall,
        infix: Infix,
        level: Level,
        join: fn(Vec<Expr>) -> Expr,
    ) -> Result<Tall, ParseError> {
        let (at, mut height) = (self.next.at, first.height);
        let mut members = vec![first.expr];
        while self.infix(level) == Some(infix) {
            self.advance()?;
            let member = self.tall(level.tighter())?;
            height = height.max(member.height);
            members.push(member.expr);
        }
        self.taller(at, height, join(members))
    }

    fn compared(&self, mut left: Expr, comparison: Comparison, mut right: Expr) -> Expr {
        if let Expr::Literal(literal) = &mut right {
            self.use_job_words(&left, core::slice::from_mut(literal));
        }
        if let Expr::Literal(literal) = &mut left {
            self.use_job_words(&right, core::slice::from_mut(literal));
        }
        Expr::Compare(left.into(), comparison, right.into())
    }

    /// The operator that is next, if it binds at least so tightly.
    fn infix(&mut self, loosest: Level) -> Option<Infix> {
        self.expected.insert(Expected::Operator);
        let infix = match self.next.token {
            Token::Symbol(symbol) => infix(symbol, self.dialect),
            Token::Word(word) => {
                WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|row| row.1)
            }
            Token::Name(_) | Token::Text(_) | Token::Number(_) | Token::Stray(_) | Token::End => None,
        };
        infix.filter(|infix| infix.level() >= loosest)
    }

    fn prefixed(&mut self) -> Result<Tall, ParseError> {
        let at = self.next.at;
        if self.takes_word("NOT", Expected::Value)? {
            let inner = self.nested(|parser| parser.tall(Level::Not.tighter()))?;
            return self.taller(at, inner.height, Expr::Not(inner.expr.into()));
        }
        if self.takes(Symbol::Minus, Expected::Value)? {
            if let Token::Number(_) = self.next.token {
                return Ok(Tall::leaf(Expr::Literal(self.number(at)?)));
            }
            let inner = self.nested(Self::prefixed)?;
            return self.taller(at, inner.height, Expr::Negate(inner.expr.into()));
        }
        self.operand()
    }

    fn operand(&mut self) -> Result<Tall, ParseError> {
        if self.takes(Symbol::ParenOpen, Expected::Value)? {
            let inner = self.nested(|parser| parser.tall(Level::Coalesce))?;
            self.wants(Symbol::ParenClose, Expected::ParenClose)?;
            return Ok(inner);
        }
        if self.takes(Symbol::BracketOpen, Expected::Value)? {
            return Ok(Tall::leaf(Expr::Array(self.constants()?)));
        }
        if let Some(word) = self.next_word()
            && self.is_call()
            && !print::is_operator_word(word)
        {
            return self.call(word);
        }
        if self.is_constant("undefined") {
            self.advance()?;
            return Ok(Tall::leaf(Expr::Undefined));
        }
        if let Some(literal) = self.literal()? {
            return Ok(Tall::leaf(Expr::Literal(literal)));
        }
        self.path(Expected::Value).map(Expr::Path).map(Tall::leaf)
    }

    fn call(&mut self, word: &str) -> Result<Tall, ParseError> {
        let at = self.next.at;
        let function = match Function::named(word) {
            Some(Function::TwinChangeIncludes) if self.dialect == Dialect::Twins => None,
            function => function,
        };
        let Some(function) = function else {
            let kind = match super::query::is_aggregate(word) {
                true => ParseErrorKind::AggregateHere,
                false => ParseErrorKind::UnknownFunction,
            };
            return Err(self.error(at, kind));
        };
        self.advance()?;
        self.wants(Symbol::ParenOpen, Expected::ParenOpen)?;
        let (mut arguments, mut height) = (Vec::new(), 0);
        if self.next.token != Token::Symbol(Symbol::ParenClose) {
            loop {
                let argument = self.argument(function)?;
                height = height.max(argument.height);
                arguments.push(argument.expr);
                if !self.takes(Symbol::Comma, Expected::Comma)? {
                    break;
                }
            }
        }
        self.wants(Symbol::ParenClose, Expected::ParenClose)?;
        if !function.arguments().contains(&arguments.len()) {
            return Err(self.error(at, ParseErrorKind::ArgumentCount(function)));
        }
        self.taller(at, height, Expr::Call(function, arguments))
    }

    fn argument(&mut self, function: Function) -> Result<Tall, ParseError> {
        if !function.wants_path() {
            return self.nested(|parser| parser.tall(Level::Coalesce));
        }
        let mut path = self.path(Expected::Path)?;
        // What the change is of is said by the whole message, so that the path begins where its body does.
        if function == Function::TwinChangeIncludes && !is_of_body(&path) {
            path = below_body(path);
        }
        Ok(Tall::leaf(Expr::Path(path)))
    }

    /// Reads constants up to the bracket that closes their list.
    fn constants(&mut self) -> Result<Vec<Literal>, ParseError> {
        let mut constants = Vec::new();
        loop {
            self.expected.insert(Expected::Constant);
            let at = self.next.at;
            let negative = self.takes(Symbol::Minus, Expected::Constant)?;
            constants.push(match (negative, &self.next.token) {
                (true, Token::Number(_)) => self.number(at)?,
                (true, _) => {
                    self.expected.insert(Expected::Constant);
                    return Err(self.unexpected());
                }
                (false, _) => self.literal()?.ok_or_else(|| self.unexpected())?,
            });
            if !self.takes(Symbol::Comma, Expected::Comma)? {
                self.wants(Symbol::BracketClose, Expected::BracketClose)?;
                return Ok(constants);
            }
        }
    }

    /// Takes a constant without a sign, if that is next.
    fn literal(&mut self) -> Result<Option<Literal>, ParseError> {
        let literal = match &self.next.token {
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Number(_) => return self.number(self.next.at).map(Some),
            Token::Word(_) if self.is_constant("null") => Literal::Null,
            Token::Word(_) if self.is_constant("true") => Literal::Bool(true),
            Token::Word(_) if self.is_constant("false") => Literal::Bool(false),
            Token::Word(_) | Token::Name(_) | Token::Symbol(_) | Token::Stray(_) | Token::End => {
                return Ok(None);
            }
        };
        self.advance()?;
        Ok(Some(literal))
    }

    /// Takes a number whose sign, if it has one, stands at `at`.
    fn number(&mut self, at: usize) -> Result<Literal, ParseError> {
        let Token::Number(digits) = self.next.token else { return Err(self.unexpected()) };
        match number_of(digits, at < self.next.at) {
            Some(number) => {
                self.advance()?;
                Ok(Literal::Number(number))
            }
            None => Err(self.error(self.next.at, ParseErrorKind::BadNumber)),
        }
    }

    /// Routes have constants in lower case: in another they are properties of messages.
    fn is_constant(&self, constant: &str) -> bool {
        self.next_word().is_some_and(|word| match self.dialect {
            Dialect::Twins => word.eq_ignore_ascii_case(constant),
            Dialect::Messages => word == constant,
        })
    }

    /// Takes a path. Its root, if it is a column of the collection, is spelled as documents do.
    pub(super) fn path(&mut self, expected: Expected) -> Result<Path, ParseError> {
        self.expected.insert(expected);
        let at = self.next.at;
        let is_reserved = self.next_word().is_some_and(|word| print::is_reserved(word, self.dialect));
        let root = match self.next.token {
            Token::Word(_) if is_reserved => return Err(self.unexpected()),
            Token::Word(_) | Token::Name(_) => Root::Name(self.name()?),
            Token::Symbol(Symbol::BraceOpen) if self.dialect == Dialect::Messages => self.system()?,
            Token::Text(_) | Token::Number(_) | Token::Symbol(_) | Token::Stray(_) | Token::End => {
                return Err(self.unexpected());
            }
        };
        let mut path = Path::new(root);
        loop {
            if self.takes(Symbol::Dot, Expected::Dot)? {
                path.steps.push(Step::Name(self.name()?));
            } else if self.dialect == Dialect::Messages
                && self.takes(Symbol::BracketOpen, Expected::BracketOpen)?
            {
                path.steps.push(Step::Index(self.index()?));
            } else {
                break;
            }
        }
        match self.collection {
            Some(collection) => {
                self.settle(&mut path, collection).map_err(|kind| self.error(at, kind))?;
                Ok(path)
            }
            None => Ok(path),
        }
    }

    /// `{$name}`
    fn system(&mut self) -> Result<Root, ParseError> {
        self.advance()?;
        self.expected.insert(Expected::Name);
        let name = self.next_word().and_then(|word| word.strip_prefix('$'));
        let Some(Ok(name)) = name.map(Name::new) else { return Err(self.unexpected()) };
        self.advance()?;
        self.wants(Symbol::BraceClose, Expected::BraceClose)?;
        Ok(Root::System(name))
    }

    fn index(&mut self) -> Result<u32, ParseError> {
        self.expected.insert(Expected::Whole);
        let index = match self.next.token {
            Token::Number(digits) => digits.parse().ok(),
            Token::Word(_)
            | Token::Name(_)
            | Token::Text(_)
            | Token::Symbol(_)
            | Token::Stray(_)
            | Token::End => None,
        };
        let Some(index) = index else { return Err(self.unexpected()) };
        self.advance()?;
        self.wants(Symbol::BracketClose, Expected::BracketClose)?;
        Ok(index)
    }

    /// Gives a path the names of the documents it is about.
    pub(super) fn settle(&self, path: &mut Path, collection: Collection) -> Result<(), ParseErrorKind> {
        if collection == Collection::Jobs {
            super::job::without_prefix(path);
        }
        let Root::Name(root) = &path.root else { return Ok(()) };
        match (collection.column(root.as_str()), collection) {
            (Some(column), _) => path.root = Root::Name(Name::known(column)),
            (None, Collection::Jobs) => return Err(ParseErrorKind::NoJobColumn),
            (None, Collection::Devices | Collection::Modules) => {}
        }
        Ok(())
    }

    fn use_job_words(&self, left: &Expr, constants: &mut [Literal]) {
        if let (Some(Collection::Jobs), Expr::Path(path)) = (self.collection, left) {
            constants.iter_mut().for_each(|constant| super::job::use_words(path, constant));
        }
    }

    /// A level more, whose operator stands at `at`.
    fn taller(&self, at: usize, height: usize, expr: Expr) -> Result<Tall, ParseError> {
        match height < Expr::DEPTH_MAX {
            true => Ok(Tall { expr, height: height + 1 }),
            false => Err(self.error(at, ParseErrorKind::TooDeep)),
        }
    }
}

/// A tree, and how many levels it has.
struct Tall {
    expr: Expr,
    height: usize,
}

impl Tall {
    const fn leaf(expr: Expr) -> Self {
        Self { expr, height: 1 }
    }
}

/// What stands between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Infix {
    And,
    Or,
    Compare(Comparison),
    Combine(Operator),
    Member(Membership),
}

impl Infix {
    const fn level(self) -> Level {
        match self {
            Self::And => Level::And,
            Self::Or => Level::Or,
            Self::Compare(comparison) => comparison.level(),
            Self::Combine(operator) => operator.level(),
            Self::Member(_) => Level::Order,
        }
    }
}

const WORDS: &[(&str, Infix)] = &[
    ("AND", Infix::And),
    ("OR", Infix::Or),
    ("IN", Infix::Member(Membership::In)),
    ("NIN", Infix::Member(Membership::NotIn)),
];

fn infix(symbol: Symbol, dialect: Dialect) -> Option<Infix> {
    Some(match symbol {
        Symbol::Equal => Infix::Compare(Comparison::Equal),
        Symbol::NotEqual | Symbol::LessGreater => Infix::Compare(Comparison::NotEqual),
        Symbol::Less => Infix::Compare(Comparison::Less),
        Symbol::AtMost => Infix::Compare(Comparison::AtMost),
        Symbol::Greater => Infix::Compare(Comparison::Greater),
        Symbol::AtLeast => Infix::Compare(Comparison::AtLeast),
        Symbol::Plus => Infix::Combine(Operator::Add),
        Symbol::Minus => Infix::Combine(Operator::Subtract),
        Symbol::Star => Infix::Combine(Operator::Multiply),
        Symbol::Slash => Infix::Combine(Operator::Divide),
        Symbol::Percent => Infix::Combine(Operator::Remainder),
        Symbol::Concatenate if dialect == Dialect::Messages => Infix::Combine(Operator::Concatenate),
        Symbol::Coalesce if dialect == Dialect::Messages => Infix::Combine(Operator::Coalesce),
        Symbol::Concatenate
        | Symbol::Coalesce
        | Symbol::ParenOpen
        | Symbol::ParenClose
        | Symbol::BracketOpen
        | Symbol::BracketClose
        | Symbol::BraceOpen
        | Symbol::BraceClose
        | Symbol::Comma
        | Symbol::Dot => return None,
    })
}

/// The number that these digits say, with a minus in front if they are below 0.
fn number_of(digits: &str, is_negative: bool) -> Option<Number> {
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => {
            let whole = i128::from(u64::from_str_radix(digits, 16).ok()?);
            number::from_whole(if is_negative { -whole } else { whole })
        }
        None if is_negative => number::from_text(&["-", digits].concat()),
        None => number::from_text(digits),
    }
}

fn is_of_body(path: &Path) -> bool {
    matches!(&path.root, Root::Name(name) if name.as_str() == BODY)
}

fn below_body(path: Path) -> Path {
    let first = match path.root {
        Root::Name(name) | Root::System(name) => Step::Name(name),
    };
    let steps = core::iter::once(first).chain(path.steps).collect();
    Path { root: Root::Name(Name::known(BODY)), steps }
}

/// The root of a message's body.
pub(crate) const BODY: &str = "$body";

use core::fmt;
use core::ops::Bound;

use crate::datum::Datum;
use crate::evaluate::is;
use crate::expression::{Comparison, Expr, Literal, Membership};
use crate::function::Function;
use crate::path::Path;
use crate::print;
use crate::source::Source;

/// What must be so of what stands at a path, wherever a condition holds.
///
/// An index over that path gives the documents for which it is so, and the condition has to be put only to these.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// Of what.
    pub path: Path,
    /// What must be so.
    pub kind: ConstraintKind,
}

/// What must be so.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstraintKind {
    /// It is this.
    Equal(Literal),
    /// It is one of these.
    OneOf(Vec<Literal>),
    /// It is between these; one of them at least is there, and two are of one type.
    Range {
        /// Not below.
        lower: Bound<Literal>,
        /// Not above.
        upper: Bound<Literal>,
    },
    /// It is a text that begins so.
    Prefix(String),
    /// There is something.
    Defined,
}

impl Constraint {
    /// Whether it is so of this document.
    pub fn admits<S: Source + ?Sized>(&self, source: &S) -> bool {
        let datum = source.resolve(&self.path);
        match &self.kind {
            ConstraintKind::Equal(literal) => is(&datum, literal),
            ConstraintKind::OneOf(literals) => literals.iter().any(|literal| is(&datum, literal)),
            ConstraintKind::Range { lower, upper } => {
                within(&datum, lower, Comparison::AtLeast, Comparison::Greater)
                    && within(&datum, upper, Comparison::AtMost, Comparison::Less)
            }
            ConstraintKind::Prefix(prefix) => datum.text().is_some_and(|text| text.starts_with(prefix)),
            ConstraintKind::Defined => datum != Datum::Undefined,
        }
    }

    const fn new(path: Path, kind: ConstraintKind) -> Self {
        Self { path, kind }
    }

    /// The values that it leaves, if it names them.
    fn values(&self) -> Option<&[Literal]> {
        match &self.kind {
            ConstraintKind::Equal(literal) => Some(core::slice::from_ref(literal)),
            ConstraintKind::OneOf(literals) => Some(literals),
            ConstraintKind::Range { .. } | ConstraintKind::Prefix(_) | ConstraintKind::Defined => None,
        }
    }
}

fn within(datum: &Datum<'_>, end: &Bound<Literal>, with: Comparison, without: Comparison) -> bool {
    match end {
        Bound::Included(literal) => datum.compare(with, &literal.into()) == Some(true),
        Bound::Excluded(literal) => datum.compare(without, &literal.into()) == Some(true),
        Bound::Unbounded => true,
    }
}

/// All that follows from a condition for single paths, in the order in which it says so.
pub(crate) fn of(expr: &Expr) -> Vec<Constraint> {
    let mut constraints = Vec::new();
    collect(expr, &mut constraints);
    constraints
}

fn collect(expr: &Expr, into: &mut Vec<Constraint>) {
    match expr {
        Expr::All(members) => members.iter().for_each(|member| collect(member, into)),
        Expr::Any(members) => common_values(members, into),
        Expr::Path(path) => {
            into.push(Constraint::new(path.clone(), ConstraintKind::Equal(Literal::Bool(true))));
        }
        Expr::Not(inner) => {
            if let Expr::Path(path) = &**inner {
                into.push(Constraint::new(path.clone(), ConstraintKind::Equal(Literal::Bool(false))));
            }
        }
        Expr::Compare(left, comparison, right) => match (&**left, &**right) {
            (Expr::Path(path), Expr::Literal(literal)) => compared(path, *comparison, literal, into),
            (Expr::Literal(literal), Expr::Path(path)) => {
                compared(path, comparison.mirrored(), literal, into);
            }
            _ => {}
        },
        Expr::Member(of, membership, among) => {
            if let Expr::Path(path) = &**of {
                let kind = match membership {
                    Membership::In => one_of(among.clone()),
                    Membership::NotIn => ConstraintKind::Defined,
                };
                into.push(Constraint::new(path.clone(), kind));
            }
        }
        Expr::Call(function, arguments) => into.extend(called(*function, arguments)),
        Expr::Undefined | Expr::Literal(_) | Expr::Array(_) | Expr::Negate(_) | Expr::Combine(..) => {}
    }
}

fn compared(path: &Path, comparison: Comparison, literal: &Literal, into: &mut Vec<Constraint>) {
    let value = literal.clone();
    let (lower, upper) = match comparison {
        Comparison::Equal => {
            return into.push(Constraint::new(path.clone(), ConstraintKind::Equal(value)));
        }
        Comparison::NotEqual => return into.push(Constraint::new(path.clone(), ConstraintKind::Defined)),
        Comparison::Less => (Bound::Unbounded, Bound::Excluded(value)),
        Comparison::AtMost => (Bound::Unbounded, Bound::Included(value)),
        Comparison::Greater => (Bound::Excluded(value), Bound::Unbounded),
        Comparison::AtLeast => (Bound::Included(value), Bound::Unbounded),
    };
    // The other end of a range that was begun before.
    for constraint in into.iter_mut().filter(|constraint| constraint.path == *path) {
        if let ConstraintKind::Range { lower: begun_lower, upper: begun_upper } = &mut constraint.kind {
            match (&*begun_lower, &*begun_upper) {
                (Bound::Unbounded, end) if same_type(end, &lower) => return *begun_lower = lower,
                (end, Bound::Unbounded) if same_type(end, &upper) => return *begun_upper = upper,
                _ => {}
            }
        }
    }
    into.push(Constraint::new(path.clone(), ConstraintKind::Range { lower, upper }));
}

/// Whether both are there, and of one type.
fn same_type(left: &Bound<Literal>, right: &Bound<Literal>) -> bool {
    let literal = |bound: &'_ Bound<Literal>| match bound {
        Bound::Included(literal) | Bound::Excluded(literal) => Some(core::mem::discriminant(literal)),
        Bound::Unbounded => None,
    };
    literal(left).is_some() && literal(left) == literal(right)
}

fn called(function: Function, arguments: &[Expr]) -> Option<Constraint> {
    let Some(Expr::Path(path)) = arguments.first() else { return None };
    let kind = match function {
        Function::IsNull => ConstraintKind::Equal(Literal::Null),
        Function::StartsWith => match arguments.get(1) {
            Some(Expr::Literal(Literal::Text(prefix))) => ConstraintKind::Prefix(prefix.clone()),
            _ => ConstraintKind::Defined,
        },
        Function::IsDefined
        | Function::IsNumber
        | Function::IsString
        | Function::IsBool
        | Function::IsArray
        | Function::IsObject
        | Function::IsPrimitive
        | Function::EndsWith
        | Function::Contains
        | Function::TwinChangeIncludes => ConstraintKind::Defined,
        // These are never true.
        Function::AsNumber
        | Function::Abs
        | Function::Exp
        | Function::Power
        | Function::Square
        | Function::Sqrt
        | Function::Ceiling
        | Function::Floor
        | Function::Sign
        | Function::Concat
        | Function::Length
        | Function::Lower
        | Function::Upper
        | Function::Substring
        | Function::IndexOf => return None,
    };
    Some(Constraint::new(path.clone(), kind))
}

/// Of a choice follows for a path only what every member of it says: together, these leave all of their values.
fn common_values(members: &[Expr], into: &mut Vec<Constraint>) {
    let Some((first, others)) = members.split_first() else { return };
    let others: Vec<Vec<Constraint>> = others.iter().map(of).collect();
    for constraint in of(first) {
        let Some(values) = constraint.values() else { continue };
        let mut values = values.to_vec();
        let in_all = others.iter().all(|constraints| {
            let same =
                constraints.iter().find(|other| other.path == constraint.path && other.values().is_some());
            let more = same.and_then(Constraint::values).unwrap_or_default();
            values.extend_from_slice(more);
            same.is_some()
        });
        if in_all {
            into.push(Constraint::new(constraint.path, one_of(values)));
        }
    }
}

fn one_of(mut literals: Vec<Literal>) -> ConstraintKind {
    match literals.len() {
        1 => ConstraintKind::Equal(literals.remove(0)),
        _ => ConstraintKind::OneOf(literals),
    }
}

/// As the condition would say it.
impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.kind {
            ConstraintKind::Equal(literal) => write!(f, "{path} = {literal}"),
            ConstraintKind::OneOf(literals) => {
                write!(f, "{path} IN [")?;
                print::list(f, literals)?;
                f.write_str("]")
            }
            ConstraintKind::Range { lower, upper } => {
                let lower = end(path, lower, ">=", ">");
                let upper = end(path, upper, "<=", "<");
                let ends: Vec<String> = lower.into_iter().chain(upper).collect();
                f.write_str(&ends.join(" AND "))
            }
            ConstraintKind::Prefix(prefix) => {
                write!(f, "starts_with({path}, {})", Literal::Text(prefix.clone()))
            }
            ConstraintKind::Defined => write!(f, "is_defined({path})"),
        }
    }
}

fn end(path: &Path, bound: &Bound<Literal>, with: &str, without: &str) -> Option<String> {
    match bound {
        Bound::Included(literal) => Some(format!("{path} {with} {literal}")),
        Bound::Excluded(literal) => Some(format!("{path} {without} {literal}")),
        Bound::Unbounded => None,
    }
}

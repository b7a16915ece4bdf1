use crate::path::Path;

/// A figure of many rows, in a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Aggregate {
    /// How many there are: `COUNT()`.
    Count,
    /// Something of the numbers at a path; what is no number is passed over.
    Of(Statistic, Path),
}

/// What is made of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Their sum: 0 of none.
    Sum,
    /// Their mean; undefined of none.
    Avg,
    /// The least; undefined of none.
    Min,
    /// The greatest; undefined of none.
    Max,
}

impl Statistic {
    /// Every statistic.
    pub const ALL: [Self; 4] = [Self::Sum, Self::Avg, Self::Min, Self::Max];

    /// Its name, as queries are printed. They write it in any case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Min => "MIN",
            Self::Max => "MAX",
        }
    }

    /// What a column is called that has no alias.
    pub(crate) const fn column(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

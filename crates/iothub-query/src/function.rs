use core::ops::RangeInclusive;

/// What can be called in an expression, by its name in any case.
///
/// The service documents all of them for routes, and for twins and jobs [`Self::IsDefined`] only; here all can be asked
/// of twins as well, except [`Self::TwinChangeIncludes`]. An argument of another type than the function wants makes its
/// value undefined, as an undefined argument does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Whether there is something at a path; `null` is something.
    IsDefined,
    /// Whether it is `null`. False, like all that begin so, for what is undefined.
    IsNull,
    /// Whether it is a number.
    IsNumber,
    /// Whether it is a text.
    IsString,
    /// Whether it is `true` or `false`.
    IsBool,
    /// Whether it is an array.
    IsArray,
    /// Whether it is an object.
    IsObject,
    /// Whether it is a text, a number, `true`, `false` or `null`.
    IsPrimitive,
    /// The number that a text says, or a number itself.
    AsNumber,
    /// A number without its sign.
    Abs,
    /// e to that power.
    Exp,
    /// The first number to the power of the second.
    Power,
    /// A number times itself.
    Square,
    /// The square root; undefined below 0.
    Sqrt,
    /// The least whole number that is not below.
    Ceiling,
    /// The greatest whole number that is not above.
    Floor,
    /// -1, 0 or 1.
    Sign,
    /// Texts one behind the other.
    Concat,
    /// How many characters a text has.
    Length,
    /// A text in lower case.
    Lower,
    /// A text in upper case.
    Upper,
    /// Characters of a text, from a place on that counts from 0; as many as the third argument says, or up to the
    /// end. Undefined if the text ends before that place.
    Substring,
    /// The place, counted from 0 in characters, where the second text first stands in the first; -1 if nowhere.
    IndexOf,
    /// Whether the first text begins with the second.
    StartsWith,
    /// Whether it ends with it.
    EndsWith,
    /// Whether it has it anywhere.
    Contains,
    /// Whether a change of a twin says something of a path: that it stands in the body of the message.
    TwinChangeIncludes,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 27] = [
        Self::IsDefined,
        Self::IsNull,
        Self::IsNumber,
        Self::IsString,
        Self::IsBool,
        Self::IsArray,
        Self::IsObject,
        Self::IsPrimitive,
        Self::AsNumber,
        Self::Abs,
        Self::Exp,
        Self::Power,
        Self::Square,
        Self::Sqrt,
        Self::Ceiling,
        Self::Floor,
        Self::Sign,
        Self::Concat,
        Self::Length,
        Self::Lower,
        Self::Upper,
        Self::Substring,
        Self::IndexOf,
        Self::StartsWith,
        Self::EndsWith,
        Self::Contains,
        Self::TwinChangeIncludes,
    ];

    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IsDefined => "is_defined",
            Self::IsNull => "is_null",
            Self::IsNumber => "is_number",
            Self::IsString => "is_string",
            Self::IsBool => "is_bool",
            Self::IsArray => "is_array",
            Self::IsObject => "is_object",
            Self::IsPrimitive => "is_primitive",
            Self::AsNumber => "as_number",
            Self::Abs => "abs",
            Self::Exp => "exp",
            Self::Power => "power",
            Self::Square => "square",
            Self::Sqrt => "sqrt",
            Self::Ceiling => "ceiling",
            Self::Floor => "floor",
            Self::Sign => "sign",
            Self::Concat => "concat",
            Self::Length => "length",
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Substring => "substring",
            Self::IndexOf => "index_of",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Contains => "contains",
            Self::TwinChangeIncludes => "twin_change_includes",
        }
    }

    /// How many arguments it takes.
    pub const fn arguments(self) -> RangeInclusive<usize> {
        match self {
            Self::Power | Self::IndexOf | Self::StartsWith | Self::EndsWith | Self::Contains => 2..=2,
            Self::Substring => 2..=3,
            Self::Concat => 2..=usize::MAX,
            Self::IsDefined
            | Self::IsNull
            | Self::IsNumber
            | Self::IsString
            | Self::IsBool
            | Self::IsArray
            | Self::IsObject
            | Self::IsPrimitive
            | Self::AsNumber
            | Self::Abs
            | Self::Exp
            | Self::Square
            | Self::Sqrt
            | Self::Ceiling
            | Self::Floor
            | Self::Sign
            | Self::Length
            | Self::Lower
            | Self::Upper
            | Self::TwinChangeIncludes => 1..=1,
        }
    }

    /// Whether its argument is a path and nothing else.
    pub const fn wants_path(self) -> bool {
        matches!(self, Self::IsDefined | Self::TwinChangeIncludes)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name().eq_ignore_ascii_case(name))
    }
}

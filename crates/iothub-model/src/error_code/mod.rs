use core::fmt;

use serde::{Serialize, Serializer};

/// The enum and all that its table says, from one row per code: number, name, what it means, what to do.
macro_rules! codes {
    ($($number:literal = $name:ident $meaning:literal $advice:literal;)+) => {
        /// The number and name by which a hub says what is wrong.
        ///
        /// Numbers and names are those of the published table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $(#[doc = $meaning] $name,)+ }

        impl ErrorCode {
            /// Every code, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The six digits, the first three of which are the HTTP status.
            pub const fn number(self) -> u32 {
                match self { $(Self::$name => $number,)+ }
            }

            /// The name, as in the header `iothub-errorcode`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What has happened when a hub says this, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }

            /// What to do about it, in a sentence.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)+ }
            }

            /// The code of six digits, if it is known.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

mod table;

pub use table::ErrorCode;

impl ErrorCode {
    /// The code of that name in any case, if it is known.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(name))
    }

    /// The status of the HTTP response.
    pub fn http_status(self) -> u16 {
        u16::try_from(self.number() / 1000).expect("every code has six digits")
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_in_a_sentence_what_it_means_and_what_to_do() {
        for code in ErrorCode::ALL {
            for sentence in [code.meaning(), code.advice()] {
                assert!(
                    sentence.ends_with('.') && sentence.starts_with(char::is_uppercase),
                    "{code}: {sentence}"
                );
                assert!(!sentence.contains("  ") && !sentence.contains('\n'), "{code}: {sentence}");
            }
        }
    }
}

use super::classic;
#[cfg(feature = "preview5")]
use super::preview5;
#[cfg(feature = "preview311")]
use super::preview311;
#[cfg(any(feature = "preview311", feature = "preview5"))]
use super::tables;

/// How a dialect spells something in its tables. To say where among all spellings it stands takes a quarter of a
/// reference. To look there takes time, so that with `fast` it is the text itself.
#[derive(Clone, Copy)]
pub(super) struct Spelling(Form);

#[cfg(feature = "fast")]
type Form = &'static str;
/// Where in [`ALL`] it begins, and in the lowest bits its length.
#[cfg(not(feature = "fast"))]
type Form = u16;

const LEN_BITS: u32 = 5;

impl Spelling {
    /// One of those in [`ALL`]: any other shows while building, as only tables are made of them.
    pub(super) const fn new(text: &'static str) -> Self {
        Self(form(text, place(text.as_bytes())))
    }

    #[cfg(feature = "fast")]
    pub(super) const fn as_str(self) -> &'static str {
        self.0
    }

    #[cfg(not(feature = "fast"))]
    #[inline(never)]
    pub(super) fn as_str(self) -> &'static str {
        let (at, len) = (usize::from(self.0 >> LEN_BITS), usize::from(self.0 & ((1 << LEN_BITS) - 1)));
        ALL.get(at..).and_then(|text| text.get(..len)).unwrap_or_default()
    }
}

/// A text that takes no place of its own beside those in [`ALL`].
pub(super) const fn shared(text: &'static str) -> &'static str {
    ALL.split_at(start(text.as_bytes())).1.split_at(text.len()).0
}

#[cfg(feature = "fast")]
const fn form(text: &'static str, _: u16) -> Form {
    text
}

#[cfg(not(feature = "fast"))]
const fn form(_: &'static str, place: u16) -> Form {
    place
}

const fn place(text: &[u8]) -> u16 {
    let at = start(text);
    assert!(at < 1 << (16 - LEN_BITS) && text.len() < 1 << LEN_BITS, "there are bits for place and length");
    (at << LEN_BITS | text.len()) as u16
}

const fn start(text: &[u8]) -> usize {
    let mut at = 0;
    while !stands(text, at) {
        at += 1;
    }
    at
}

/// Whether the text stands there. There is no place behind the last.
const fn stands(text: &[u8], at: usize) -> bool {
    assert!(at + text.len() <= ALL.len(), "a spelling is one of its dialect's");
    let mut len = 0;
    while len < text.len() {
        if ALL.as_bytes()[at + len] != text[len] {
            return false;
        }
        len += 1;
    }
    true
}

/// Every spelling of every dialect. One that is a part of another stands there only once.
const ALL: &str = {
    const BYTES: [u8; len(DIALECTS)] = {
        let (mut bytes, mut end) = ([0; _], 0);
        let mut rest = DIALECTS;
        while let [dialect, after @ ..] = rest {
            let mut at = 0;
            while at < dialect.len() {
                bytes[end] = dialect.as_bytes()[at];
                (at, end) = (at + 1, end + 1);
            }
            rest = after;
        }
        bytes
    };
    match core::str::from_utf8(&BYTES) {
        Ok(all) => all,
        Err(_) => panic!("texts are text"),
    }
};

const DIALECTS: &[&str] = &[
    classic::SPELLINGS,
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    classic::CALL_SPELLINGS,
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    tables::SPELLINGS,
    #[cfg(feature = "preview311")]
    preview311::SPELLINGS,
    #[cfg(feature = "preview5")]
    preview5::SPELLINGS,
];

const fn len(texts: &[&str]) -> usize {
    let (mut len, mut rest) = (0, texts);
    while let [text, after @ ..] = rest {
        len += text.len();
        rest = after;
    }
    len
}

use std::borrow::Cow;
use std::io::{self, IsTerminal};

/// Whether a person reads standard output as it comes.
pub(crate) fn stdout_is_one() -> bool {
    io::stdout().is_terminal()
}

/// A text that does nothing to a terminal but stand there: devices choose much of what is shown, and must
/// not move the cursor or set the title with it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_active(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_active(c: char) -> bool {
    // The second range changes the direction of what follows, and is no control character to Unicode.
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_says_cannot_steer_the_terminal() {
        for (text, shown) in [
            ("21.5 °C", "21.5 °C"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}

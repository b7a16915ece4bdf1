use crate::failure::Failure;

const BEGIN: &str = "<!-- tables: ";
const END: &str = "<!-- end -->";

/// The document with each part between `<!-- tables: NAME -->` and `<!-- end -->` replaced by what `table` gives for
/// its name.
pub(super) fn rewritten(document: &str, table: impl Fn(&str) -> Option<String>) -> Result<String, Failure> {
    let mut written = String::new();
    let mut open: Option<&str> = None;
    for line in document.lines() {
        if let Some(name) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) {
            if let Some(earlier) = open {
                return Err(Failure::new(format!("tables: {earlier} is not at its end where {name} begins")));
            }
            let text =
                table(name).ok_or_else(|| Failure::new(format!("tables: there is no table {name}")))?;
            open = Some(name);
            written += &format!("{line}\n{text}");
        } else if line == END {
            if open.take().is_none() {
                return Err(Failure::new("tables: an end without a beginning"));
            }
            written += &format!("{line}\n");
        } else if open.is_none() {
            written += &format!("{line}\n");
        }
    }
    match open {
        Some(name) => Err(Failure::new(format!("tables: {name} has no end"))),
        None => Ok(written),
    }
}

/// The first line that is not as it should be: its number, and both versions.
pub(super) fn first_difference(found: &str, written: &str) -> Option<String> {
    let mut lines = found.lines();
    let mut expected = written.lines();
    let mut number = 0;
    loop {
        number += 1;
        match (lines.next(), expected.next()) {
            (None, None) => return None,
            (found, expected) if found == expected => {}
            (found, expected) => {
                let shown = |line: Option<&str>| line.unwrap_or("(nothing)").to_owned();
                return Some(format!(
                    "{number}: is\n  {}\nand the code says\n  {}",
                    shown(found),
                    shown(expected)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "a\n<!-- tables: t -->\nold\nold\n<!-- end -->\nb\n";

    fn table(name: &str) -> Option<String> {
        (name == "t").then(|| "new\n".to_owned())
    }

    #[test]
    fn what_stands_between_the_marks_is_replaced_and_nothing_else() {
        let written = rewritten(DOCUMENT, table).unwrap();
        assert_eq!(written, "a\n<!-- tables: t -->\nnew\n<!-- end -->\nb\n");
        assert_eq!(rewritten(&written, table).unwrap(), written);
        assert_eq!(rewritten("a\nb\n", table).unwrap(), "a\nb\n");
    }

    #[test]
    fn marks_that_do_not_match_are_refused() {
        for document in [
            "<!-- tables: t -->\n",
            "<!-- end -->\n",
            "<!-- tables: t -->\n<!-- tables: t -->\n<!-- end -->\n",
            "<!-- tables: other -->\n<!-- end -->\n",
        ] {
            assert!(rewritten(document, table).is_err(), "{document}");
        }
    }

    #[test]
    fn the_first_difference_is_shown_with_its_line() {
        let written = rewritten(DOCUMENT, table).unwrap();
        assert_eq!(first_difference(&written, &written), None);
        let difference = first_difference(DOCUMENT, &written).unwrap();
        assert_eq!(difference, "3: is\n  old\nand the code says\n  new");
        let difference = first_difference("a\n", "a\nb\n").unwrap();
        assert_eq!(difference, "2: is\n  (nothing)\nand the code says\n  b");
    }
}

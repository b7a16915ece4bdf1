use super::source::Source;

/// A file is to be read in one sitting: so long, without the tests inside it.
pub(super) fn check(path: &str, source: &Source<'_>) -> Option<String> {
    let reason = REASONS.iter().find(|(file, _)| *file == path).map(|(_, reason)| *reason);
    match (source.lines > LINES_MAX, reason) {
        (true, None) => Some(format!(
            "{path}: {} lines without tests, above {LINES_MAX} (split it, or give a reason in xtask/src/tidy/size.rs)",
            source.lines
        )),
        (false, Some(_)) => {
            Some(format!("{path}: needs no reason for its length any more (xtask/src/tidy/size.rs)"))
        }
        (true, Some(_)) | (false, None) => None,
    }
}

const LINES_MAX: usize = 600;

/// Files that are longer, and why.
const REASONS: &[(&str, &str)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        let lines = |n: usize| "f();\n".repeat(n);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(1_000));
        assert_eq!(check("a.rs", &Source::new(&(lines(600) + &tests))), None);
        assert!(
            check("a.rs", &Source::new(&(lines(601) + &tests)))
                .is_some_and(|text| text.contains("601 lines"))
        );
    }
}

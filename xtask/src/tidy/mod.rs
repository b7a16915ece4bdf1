//! What rustfmt and clippy do not know of house style.

mod links;
mod names;
mod quotes;
mod size;
mod source;
mod topics;

use crate::failure::Failure;
use crate::workspace;

/// Prints each untidiness, as `path:line: what`.
pub(crate) fn run() -> Result<(), Failure> {
    let mut found = Vec::new();
    let sources = workspace::files(&["rs"])?;
    let mut examples = Vec::new();
    for path in &sources {
        let (shown, text) = (workspace::shown(path), workspace::read(path)?);
        let source = source::Source::new(&text);
        found.extend(size::check(&shown, &source));
        found.extend(names::check(&shown, &source));
        found.extend(topics::check(&shown, &source));
        if quotes::is_example(&shown) {
            examples.push(text);
        }
    }
    let documents = workspace::files(&["md"])?;
    for path in &documents {
        let (shown, text) = (workspace::shown(path), workspace::read(path)?);
        found.extend(links::check(path, &text));
        found.extend(quotes::check(&shown, &text, &examples));
    }
    for untidiness in &found {
        println!("{untidiness}");
    }
    match found.len() {
        0 => {
            println!("tidy: {} sources and {} documents", sources.len(), documents.len());
            Ok(())
        }
        n => Err(Failure::new(format!("tidy: {n} found"))),
    }
}

//! The book as it has been built: where its links lead.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::workspace;

/// Follows every link of every page. One that leads out of the book to a file of the workspace is made to lead to the
/// repository, and one that leads nowhere is a failure.
///
/// # Errors
///
/// There is such a link: each has been printed.
pub(super) fn check(book: &Path) -> Result<(), Failure> {
    let repository = repository()?;
    let mut pages = Vec::new();
    collect(book, &mut pages)?;
    let texts: Vec<(PathBuf, String)> = pages
        .into_iter()
        .map(|path| {
            Ok((path.clone(), fs::read_to_string(&path).map_err(Failure::while_doing(path.display()))?))
        })
        .collect::<Result<_, Failure>>()?;
    let (mut followed, mut broken) = (0, 0);
    for (path, text) in &texts {
        let page = path.strip_prefix(book).unwrap_or(path);
        let mut changed = text.clone();
        for target in targets(text) {
            followed += 1;
            match lead(book, page, target, &texts) {
                Lead::InBook => {}
                Lead::ToFile(file) => {
                    let outside = format!("href=\"{repository}/blob/HEAD/{file}\"");
                    changed = changed.replace(&format!("href=\"{target}\""), &outside);
                }
                Lead::Nowhere => {
                    println!("{}: no {target}", page.display());
                    broken += 1;
                }
            }
        }
        if changed != *text {
            fs::write(path, changed).map_err(Failure::while_doing(path.display()))?;
        }
    }
    match broken {
        0 => {
            println!("book: {} pages with {followed} links, in {}", texts.len(), book.display());
            Ok(())
        }
        n => Err(Failure::new(format!("book: {n} links lead nowhere"))),
    }
}

enum Lead {
    InBook,
    /// To a file of the workspace, which has this path in it.
    ToFile(String),
    Nowhere,
}

fn lead(book: &Path, page: &Path, target: &str, pages: &[(PathBuf, String)]) -> Lead {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = page.parent().unwrap_or(Path::new(""));
    let inside = match file {
        "" => Some(page.to_owned()),
        // The page for addresses that are not there is shown at any address, and so begins at the root.
        _ if page == Path::new("404.html") => Some(PathBuf::from(file.trim_start_matches('/'))),
        _ => plain(&folder.join(file)),
    };
    if let Some(inside) = inside {
        let path = book.join(inside);
        let other = pages.iter().find(|(other, _)| *other == path);
        return match other {
            Some((_, text)) if anchor.is_empty() || text.contains(&format!("id=\"{anchor}\"")) => {
                Lead::InBook
            }
            None if anchor.is_empty() && path.exists() => Lead::InBook,
            Some(_) | None => Lead::Nowhere,
        };
    }
    // Pages have the same paths in the book as in `docs`, but for how they end: mdBook changes that in every link.
    let Some(outside) = plain(&Path::new("docs").join(folder).join(file)) else { return Lead::Nowhere };
    let found = [outside.with_extension("md"), outside]
        .into_iter()
        .find(|path| workspace::root().join(path).exists());
    let Some(found) = found else { return Lead::Nowhere };
    let mut address = found.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    if !anchor.is_empty() {
        address.push('#');
        address.push_str(anchor);
    }
    Lead::ToFile(address)
}

/// The path without `..`, unless it leads further up than it began.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.iter() {
        if part != ".." {
            plain.push(part);
        } else if !plain.pop() {
            return None;
        }
    }
    Some(plain)
}

/// The links of a page that lead to no other site.
fn targets(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

fn repository() -> Result<String, Failure> {
    let metadata = workspace::metadata()?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut repositories = packages.filter_map(|package| package["repository"].as_str());
    repositories.next().map(str::to_owned).ok_or_else(|| Failure::new("no manifest names the repository"))
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::while_doing(folder.display()))? {
        let path = entry.map_err(Failure::while_doing(folder.display()))?.path();
        if path.is_dir() {
            collect(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_into_the_book_to_a_file_or_nowhere() {
        let book = Path::new("/book");
        let pages = [("a.html", "<h2 id=\"x\">"), ("work/b.html", "")];
        let pages = pages.map(|(path, text)| (book.join(path), text.to_owned()));
        for (page, target, expected) in [
            ("a.html", "work/b.html", "in book"),
            ("a.html", "#x", "in book"),
            ("a.html", "#y", "nowhere"),
            ("work/b.html", "../a.html#x", "in book"),
            ("work/b.html", "../a.html#y", "nowhere"),
            ("a.html", "c.html", "nowhere"),
            ("a.html", "../Cargo.toml", "Cargo.toml"),
            ("a.html", "../README.html#licence", "README.md#licence"),
            ("work/b.html", "../../xtask/src/main.rs", "xtask/src/main.rs"),
            ("a.html", "../no-such-file", "nowhere"),
        ] {
            let seen = match lead(book, Path::new(page), target, &pages) {
                Lead::InBook => "in book".to_owned(),
                Lead::ToFile(path) => path,
                Lead::Nowhere => "nowhere".to_owned(),
            };
            assert_eq!(seen, expected, "{page} {target}");
        }
    }

    #[test]
    fn links_to_other_sites_are_not_followed() {
        let page = r##"<a href="a.html">1</a><a href="https://example.com">2</a><link href="b.css"><a href="#c">3</a>"##;
        assert_eq!(targets(page).collect::<Vec<_>>(), ["a.html", "b.css", "#c"]);
    }
}

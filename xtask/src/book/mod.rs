//! The book in `docs/`: built, with links that lead somewhere, and every command of it run.

mod fences;
mod likeness;
mod mdbook;
mod page;
mod programs;
mod rendered;
mod session;

use crate::failure::Failure;
use crate::{clock, workspace};

use page::Page;
use programs::Programs;
use session::Session;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run what the pages say, in place of building the book
    #[arg(long)]
    run: bool,
    /// Only pages with this in their paths
    #[arg(requires = "run")]
    pages: Option<String>,
}

/// Builds the book, or runs it.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.run {
        true => run_pages(arguments.pages.as_deref().unwrap_or_default()),
        false => rendered::check(&mdbook::build()?),
    }
}

/// Runs every command of the book.
pub(crate) fn run_all() -> Result<(), Failure> {
    run_pages("")
}

fn run_pages(wanted: &str) -> Result<(), Failure> {
    let pages = pages()?;
    let programs = Programs::build()?;
    let start = clock::now();
    let (mut steps, mut failures) = (0, 0);
    for page in pages.iter().filter(|page| page.path.contains(wanted)) {
        match run_page(page, &pages, &programs) {
            Ok(()) => {
                println!("{}: {} commands", page.path, page.steps.len());
                steps += page.steps.len();
            }
            Err(failure) => {
                println!("{failure}");
                failures += 1;
            }
        }
    }
    for page in &pages {
        for chunk in page.left_out.chunk_by(|a, b| a.why == b.why) {
            println!(
                "{}:{}: {} not run here: {}",
                page.path,
                chunk[0].line,
                blocks(chunk.len()),
                chunk[0].why
            );
        }
    }
    match failures {
        0 => {
            println!("book: {steps} commands are as the pages say ({} s)", start.elapsed().as_secs());
            Ok(())
        }
        n => Err(Failure::new(format!("book: {n} pages are wrong"))),
    }
}

fn run_page(page: &Page, all: &[Page], programs: &Programs) -> Result<(), Failure> {
    let folder = scratch(&page.path)?;
    let mut session = Session::open(&folder, programs)?;
    // The pages that come first, the first of all last.
    let mut order = vec![page];
    while let Some(path) = order.last().and_then(|page| page.begins_with.as_deref()) {
        let first =
            all.iter().find(|page| page.path == path && !order.iter().any(|other| other.path == path));
        order
            .push(first.ok_or_else(|| Failure::new(format!("{}: no page {path} to begin with", page.path)))?);
    }
    for page in order.iter().rev() {
        page.steps.iter().try_for_each(|step| session.take(&page.path, step))?;
    }
    session.close()?;
    std::fs::remove_dir_all(&folder).map_err(Failure::while_doing(folder.display()))
}

fn blocks(count: usize) -> String {
    if count == 1 { "a block is".into() } else { format!("{count} blocks are") }
}

/// An empty folder for a page. It is left behind when something is wrong.
fn scratch(path: &str) -> Result<std::path::PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("iothub-book-{}", std::process::id())).join(path);
    match std::fs::remove_dir_all(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::while_doing(folder.display())(error)),
    }
    std::fs::create_dir_all(&folder).map_err(Failure::while_doing(folder.display()))?;
    Ok(folder)
}

fn pages() -> Result<Vec<Page>, Failure> {
    let files = workspace::files(&["md"])?;
    let files = files.iter().filter(|path| workspace::shown(path).starts_with("docs/"));
    files.map(|path| Page::read(&workspace::shown(path), &workspace::read(path)?)).collect()
}

//! Makes functions of the blocks of Rust in the pages of `docs/`.

use core::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[path = "../../../xtask/src/book/fences.rs"]
mod fences;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    println!("cargo::rerun-if-changed={}", root.join("docs").display());
    let mut pages = Vec::new();
    collect(&root.join("docs"), "docs", &mut pages)?;
    pages.sort();
    let (mut code, mut table) = (String::new(), String::new());
    for (shown, path) in pages {
        let text = fs::read_to_string(path)?;
        // Some pages quote examples, which `cargo xtask tidy` compares.
        if text.contains("<!-- not run below: quotes ") {
            continue;
        }
        for block in fences::blocks(&text).iter().filter(|block| block.language == "rust") {
            let place = format!("{shown}:{}", block.line);
            let name: String =
                place.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            write_block(&mut code, &place, &name, &block.text);
            if !block.text.contains("#[tokio::test") {
                let _ = writeln!(table, "    ({place:?}, {name}),");
            }
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for build scripts"));
    fs::write(out.join("blocks.rs"), format!("const BLOCKS: &[(&str, Block)] = &[\n{table}];\n\n{code}"))
}

/// A block that is a program of its own stays one, in a module; another is put into a function.
fn write_block(code: &mut String, place: &str, name: &str, text: &str) {
    let text = text.trim_end();
    // Readers write `std` where they have it.
    let allowed = "#[allow(clippy::std_instead_of_core)]";
    let written = if text.contains("#[tokio::test") {
        write!(code, "/// {place}\n#[cfg(test)]\n{allowed}\nmod {name} {{\n{text}\n}}\n\n")
    } else if text.contains("async fn main()") {
        write!(
            code,
            "/// {place}\n{allowed}\nmod m_{name} {{\n{text}\n    pub(super) fn run() -> Result<(), Box<dyn core::error::Error>> {{ main() }}\n}}\n\
             use m_{name}::run as {name};\n\n"
        )
    } else {
        write!(
            code,
            "/// {place}\n{allowed}\nfn {name}() -> Result<(), Box<dyn Error>> {{\n    with_hub(async |service, options| {{\n        \
             let _ = (&service, &options);\n{text}\n        Ok(())\n    }})\n}}\n\n"
        )
    };
    written.expect("a text takes whatever is written to it");
}

fn collect(folder: &Path, shown: &str, pages: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let shown = format!("{shown}/{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), &shown, pages)?,
            false if shown.ends_with(".md") => pages.push((shown, entry.path())),
            false => {}
        }
    }
    Ok(())
}

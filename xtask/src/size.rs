use std::collections::BTreeMap;

use clap::Args;

use crate::bare::{self, Program, Uses};
use crate::failure::Failure;
use crate::workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Fail when a program is over its budget (docs/budget.toml), or can panic, or allocates
    #[arg(long)]
    check: bool,
}

/// Prints how much of a microcontroller the codec takes, against its budget.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let budget = budget()?;
    let mut wrong = Vec::new();
    for uses in [Uses::Classic, Uses::ClassicSession, Uses::Codec] {
        let rows = PROGRAMS.iter().filter(|row| row.uses == uses);
        let names: Vec<&str> = rows.clone().map(|row| row.name).chain(["nothing"]).collect();
        let programs = bare::build(uses, &names)?;
        let nothing = programs.program("nothing")?;
        if uses == Uses::Classic {
            println!("for {}", programs.about());
            println!("{:<44}{:>9}{:>9}{:>9}{:>9}{:>9}", "bytes", "flash", "budget", "data", "bss", "panics");
        }
        for row in rows {
            // Another machine's code has another size.
            let most = budget.get(row.name).copied().filter(|_| programs.are_bare());
            wrong.extend(row.print(&programs.program(row.name)?, nothing.flash, most));
        }
    }
    print_values(&bare::build(Uses::Everything, &["values"])?.program("values")?);
    wrong.iter().for_each(|wrong| println!("{wrong}"));
    match wrong.len() {
        0 => Ok(()),
        n if arguments.check => Err(Failure::new(format!("size: {n} things are not as they must be"))),
        _ => Ok(()),
    }
}

struct Row {
    name: &'static str,
    about: &'static str,
    uses: Uses,
    panics: Panics,
}

/// Whether code to panic may be in a program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Panics {
    Never,
    /// There is some in every `async fn`, for who polls it after its end.
    InFutures,
}

const PROGRAMS: [Row; 6] = [
    Row {
        name: "classic_device",
        about: "a device, classic dialect",
        uses: Uses::Classic,
        panics: Panics::Never,
    },
    Row { name: "classic", about: "both ends, classic dialect", uses: Uses::Classic, panics: Panics::Never },
    Row {
        name: "classic_session",
        about: "a device's session, classic dialect",
        uses: Uses::ClassicSession,
        panics: Panics::Never,
    },
    Row {
        name: "example",
        about: "the device of crates/examples/embedded",
        uses: Uses::ClassicSession,
        panics: Panics::InFutures,
    },
    Row { name: "all_device", about: "a device, any dialect", uses: Uses::Codec, panics: Panics::Never },
    Row { name: "all", about: "both ends, any dialect", uses: Uses::Codec, panics: Panics::Never },
];

impl Row {
    /// Prints the row; gives a sentence for each thing that is not as it must be. What every program has is no part of
    /// its size.
    fn print(&self, program: &Program, nothing: u64, most: Option<u64>) -> Vec<String> {
        let Self { name, about, uses: _, panics } = self;
        let flash = program.flash.saturating_sub(nothing);
        println!(
            "{about:<44}{flash:>9}{:>9}{:>9}{:>9}{:>9}",
            most.map_or_else(String::new, |most| most.to_string()),
            program.data,
            program.bss,
            if program.panics().is_empty() { "none" } else { "yes" },
        );
        let over = most.filter(|most| flash > *most);
        let over = over.map(|most| format!("{name} takes {flash} bytes, more than its {most}"));
        let panics = program.panics().into_iter().filter(|_| *panics == Panics::Never);
        let panics = panics.map(|symbol| format!("{name} can panic: {symbol}"));
        let allocations =
            program.allocations().into_iter().map(|symbol| format!("{name} allocates: {symbol}"));
        over.into_iter().chain(panics).chain(allocations).collect()
    }
}

/// The sizes of values: what they take of the stack, or of the variables that hold them.
fn print_values(program: &Program) {
    println!("{:<44}{:>9}", "values", "RAM");
    let sizes =
        program.symbols.iter().filter_map(|(name, size)| Some((name.strip_prefix("size_of_")?, size)));
    for (name, size) in sizes.collect::<BTreeMap<_, _>>() {
        println!("{name:<44}{size:>9}");
    }
}

fn budget() -> Result<BTreeMap<String, u64>, Failure> {
    let path = workspace::root().join("docs/budget.toml");
    let table: toml::Table =
        workspace::read(&path)?.parse().map_err(Failure::while_doing(workspace::shown(&path)))?;
    let flash = table.get("flash").and_then(toml::Value::as_table).into_iter().flatten();
    flash
        .map(|(name, bytes)| match bytes.as_integer().map(u64::try_from) {
            Some(Ok(bytes)) if PROGRAMS.iter().any(|row| row.name == name) => Ok((name.clone(), bytes)),
            _ => Err(Failure::new(format!("docs/budget.toml: {name} is no program with a number of bytes"))),
        })
        .collect()
}

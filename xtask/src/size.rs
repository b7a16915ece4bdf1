use std::collections::BTreeMap;

use clap::Args;

use crate::bare::{self, Program};
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
    let programs = bare::build()?;
    println!("for {}", programs.about());
    let nothing = programs.program("nothing")?;
    let mut wrong = Vec::new();
    println!("{:<44}{:>9}{:>9}{:>9}{:>9}{:>9}", "bytes", "flash", "budget", "data", "bss", "panics");
    for (name, about) in PROGRAMS {
        let program = programs.program(name)?;
        let flash = program.flash.saturating_sub(nothing.flash);
        let most = budget.get(name).copied();
        println!(
            "{about:<44}{flash:>9}{:>9}{:>9}{:>9}{:>9}",
            most.map_or_else(String::new, |most| most.to_string()),
            program.data,
            program.bss,
            if program.panics().is_empty() { "none" } else { "yes" },
        );
        // Another machine's code has another size.
        if programs.are_bare() && most.is_some_and(|most| flash > most) {
            wrong.push(format!("{name} takes {flash} bytes, more than its budget"));
        }
        wrong.extend(program.panics().into_iter().map(|symbol| format!("{name} can panic: {symbol}")));
        wrong.extend(program.allocations().into_iter().map(|symbol| format!("{name} allocates: {symbol}")));
    }
    print_values(&programs.program("values")?);
    wrong.iter().for_each(|wrong| println!("{wrong}"));
    match wrong.len() {
        0 => Ok(()),
        n if arguments.check => Err(Failure::new(format!("size: {n} things are not as they must be"))),
        _ => Ok(()),
    }
}

const PROGRAMS: [(&str, &str); 4] = [
    ("classic_device", "a device, classic dialect"),
    ("classic", "both ends, classic dialect"),
    ("all_device", "a device, any dialect"),
    ("all", "both ends, any dialect"),
];

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
            Some(Ok(bytes)) if PROGRAMS.iter().any(|(program, _)| program == name) => {
                Ok((name.clone(), bytes))
            }
            _ => Err(Failure::new(format!("docs/budget.toml: {name} is no program with a number of bytes"))),
        })
        .collect()
}

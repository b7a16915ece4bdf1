use crate::bare::{self, Uses};
use crate::failure::Failure;

/// Proves that `iothub-codec` and `iothub-proto` need neither `std` nor an allocator: a program that calls all that
/// they offer is built and linked where neither exists, and so is the device of `crates/examples/embedded`.
pub(crate) fn run() -> Result<(), Failure> {
    let names = ["everything", "example"];
    let programs = bare::build(Uses::Everything, &names)?;
    for name in names {
        let program = programs.program(name)?;
        for symbol in program.allocations().into_iter().chain(program.foreign()) {
            println!("{name}: {symbol}");
        }
        if !program.allocations().is_empty() {
            return Err(Failure::new("nostd: an allocator is linked"));
        }
        if !program.foreign().is_empty() {
            return Err(Failure::new("nostd: something is linked that a microcontroller does not have"));
        }
    }
    println!(
        "nostd: codec, proto and crates/examples/embedded link without `std` and without an allocator, for {}",
        programs.about()
    );
    Ok(())
}

use crate::bare::{self, Uses};
use crate::failure::Failure;

/// Proves that `iothub-codec` and `iothub-proto` need neither `std` nor an allocator: a program that calls all that
/// they offer is built and linked where neither exists.
pub(crate) fn run() -> Result<(), Failure> {
    let programs = bare::build(Uses::Everything, &["everything"])?;
    let program = programs.program("everything")?;
    for name in program.allocations().into_iter().chain(program.foreign()) {
        println!("{name}");
    }
    if !program.allocations().is_empty() {
        return Err(Failure::new("nostd: an allocator is linked"));
    }
    if !program.foreign().is_empty() {
        return Err(Failure::new("nostd: something is linked that a microcontroller does not have"));
    }
    println!("nostd: codec and proto link without `std` and without an allocator, for {}", programs.about());
    Ok(())
}

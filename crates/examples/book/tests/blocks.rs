//! Runs the block that its argument names; without one, lists them. `cargo xtask book --run` gives the arguments.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(place) = std::env::args().nth(1) else {
        for place in book::places() {
            println!("{place}");
        }
        return ExitCode::SUCCESS;
    };
    match book::run(&place) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

//! The engine panics on some files that it has not written so. That is an error here, and is not to look like a fault of
//! the program.

use core::cell::Cell;
use core::panic::AssertUnwindSafe;
use std::panic;
use std::sync::Once;

use crate::error::Failure;

/// Makes an error of a panic, of which nothing is printed.
pub(crate) fn catch<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    let outer = QUIET.replace(true);
    // Whoever gets the error does not use again what the work was about.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(outer);
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let why = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the engine panicked");
        // The first line says what; others would be the engine's values.
        Err(Failure::Damaged(why.lines().next().unwrap_or_default().to_owned()))
    })
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Drops what an error has left behind, which may panic as well.
pub(crate) fn drop_of<T>(value: T) {
    let _ = catch(|| {
        drop(value);
        Ok(())
    });
}

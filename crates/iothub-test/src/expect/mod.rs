//! What a test expects of a hub, in words that say what came instead.

mod connection;
mod method;
mod reported;
mod telemetry;
mod wanted;

use core::fmt;
use core::panic::Location;
use core::time::Duration;

pub use connection::ExpectConnection;
pub use method::ExpectMethod;
pub use reported::ExpectReported;
pub use telemetry::{ExpectAtMost, ExpectSeveral, ExpectTelemetry};

/// An expectation that was not met: what was expected, and what was seen instead.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}\n{seen}")]
pub struct Unmet {
    /// What was expected, and until when.
    pub expected: String,
    /// What was seen instead, a line each.
    pub seen: String,
}

/// As it is displayed: tests print what they unwrap this way.
impl fmt::Debug for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What was wanted, or the end of the test, which says where that was said.
fn met<T>(outcome: Result<T, Unmet>, place: &Location<'_>) -> T {
    outcome.unwrap_or_else(|unmet| panic!("at {place}: {unmet}"))
}

/// How long an expectation waits, unless it is told otherwise.
const WITHIN: Duration = Duration::from_secs(5);
/// Lines of what was seen that are shown: the latest.
const SEEN_MAX: usize = 10;

/// Gives an expectation what awaiting it does.
macro_rules! awaited {
    ($name:ident, $output:ty) => {
        impl<'h> core::future::IntoFuture for $name<'h> {
            type Output = $output;
            type IntoFuture = core::pin::Pin<Box<dyn Future<Output = $output> + Send + 'h>>;

            /// # Panics
            ///
            /// When it is not met in time, with what was seen instead.
            fn into_future(self) -> Self::IntoFuture {
                let place = self.place;
                Box::pin(async move { $crate::expect::met(self.outcome().await, place) })
            }
        }
    };
}
use awaited;

//! For tests, of this crate and of how it is used: what is told of in spans and events.

use core::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Everything that is traced on this thread, at every level and by every crate.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<Told>>>);

struct Told {
    name: &'static str,
    level: String,
    fields: String,
    /// The outermost first.
    spans: Vec<String>,
}

/// The fields of a span, kept with it.
struct Fields(String);

impl Captured {
    /// Captures until the guard is dropped.
    pub(crate) fn begin() -> (Self, DefaultGuard) {
        // Whether anybody wants an event or span is remembered for all threads. Somebody wants everything, so that the
        // tests that run beside this one, and want nothing, do not decide it.
        static EVERYTHING: Once = Once::new();
        EVERYTHING.call_once(|| {
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
        });
        let captured = Self::default();
        let subscriber = tracing_subscriber::registry().with(captured.clone());
        (captured, tracing::subscriber::set_default(subscriber))
    }

    /// All of it, a line each.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for Told { name, level, fields, spans } in &*self.0.lock().unwrap() {
            writeln!(text, "{level} {name} {fields} in {spans:?}").unwrap();
        }
        text
    }

    /// Whether there was an event of that name, or with that message, within exactly these spans.
    pub(crate) fn has(&self, event: &str, level: &str, spans: &[&str]) -> bool {
        self.0.lock().unwrap().iter().any(|told| {
            (told.name == event || told.fields == format!("message={event}"))
                && told.level == level
                && told.spans == spans
        })
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Captured {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = String::new();
        attributes.record(&mut Writing(&mut fields));
        context.span(id).unwrap().extensions_mut().insert(Fields(fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        values.record(&mut Writing(&mut extensions.get_mut::<Fields>().unwrap().0));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = String::new();
        event.record(&mut Writing(&mut fields));
        let spans = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        let spans = spans.map(|span| {
            let extensions = span.extensions();
            format!("{}{{{}}}", span.name(), extensions.get::<Fields>().unwrap().0)
        });
        let (name, level) = (event.metadata().name(), event.metadata().level().to_string());
        let told = Told { name, level, fields, spans: spans.collect() };
        self.0.lock().unwrap().push(told);
    }
}

struct Writing<'w>(&'w mut String);

impl Visit for Writing<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        write!(self.0, "{space}{}={value:?}", field.name()).unwrap();
    }
}

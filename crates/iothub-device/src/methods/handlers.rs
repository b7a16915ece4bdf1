use core::pin::Pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, debug, warn};

use super::call::read_argument;
use super::{Invocation, MethodCall, MethodResponse, Methods};
use crate::clock::Clock;
use crate::spans;

/// What answers which method.
#[derive(Default)]
pub(crate) struct Handlers {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_name: BTreeMap<String, Handler>,
    others: Option<Handler>,
    /// Whether there is a task that asks this table.
    is_served: bool,
}

type Handler = Arc<dyn Fn(Bytes, Invocation) -> Answer + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = MethodResponse> + Send>>;

/// How calls are handled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) clock: Clock,
    /// Handlers that run at a time.
    pub(crate) at_once: usize,
    /// How long after the call has come.
    pub(crate) timeout: Duration,
}

impl Handlers {
    /// A handler for one method, in the place of the one before.
    pub(crate) fn insert<T, R, F, A>(&self, name: String, handler: F)
    where
        T: DeserializeOwned,
        R: Serialize,
        F: Fn(T, Invocation) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R, MethodResponse>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let handler: Handler = Arc::new(move |payload, invocation| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let result = match read_argument(&payload) {
                    Ok(argument) => handler(argument, invocation),
                    Err(error) => return MethodResponse::bad_argument(&error),
                };
                match result.await {
                    Ok(result) => MethodResponse::of(&result),
                    Err(response) => response,
                }
            })
        });
        let before = self.lock().by_name.insert(name, handler);
        // What a handler drops may come back here.
        drop(before);
    }

    /// A handler for all others, in the place of the one before.
    pub(crate) fn insert_fallback<F, A>(&self, handler: F)
    where
        F: Fn(String, Bytes) -> A + Send + Sync + 'static,
        A: Future<Output = MethodResponse> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |payload, call| Box::pin(handler(call.name, payload)));
        let before = self.lock().others.replace(handler);
        drop(before);
    }

    /// Answers calls in a task of its own, within that span, until the device is closed, if that is not done yet.
    pub(crate) fn serve(self: &Arc<Self>, methods: Methods, terms: Terms, span: &Span) {
        if !core::mem::replace(&mut self.lock().is_served, true) {
            let handlers = Arc::clone(self);
            let serving = async move {
                serve(methods, &handlers, terms).await;
                // One of them may have hold of the device, which has hold of all of them.
                handlers.clear();
            };
            tokio::spawn(serving.instrument(span.clone()));
        }
    }

    fn clear(&self) {
        let Table { by_name, others, .. } = core::mem::take(&mut *self.lock());
        // What a handler drops may come back here.
        drop((by_name, others));
    }

    fn find(&self, name: &str) -> Option<Handler> {
        let table = self.lock();
        table.by_name.get(name).or(table.others.as_ref()).cloned()
    }

    /// Nothing panics while holding the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl core::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.lock().by_name.keys()).finish()
    }
}

async fn serve(mut methods: Methods, handlers: &Arc<Handlers>, terms: Terms) {
    let closed = methods.clone();
    let mut running = JoinSet::new();
    loop {
        let has_room = running.len() < terms.at_once.max(1);
        tokio::select! {
            call = methods.next(), if has_room => match call {
                // A handler that panics, at its first step or later, drops the call, which answers it.
                Some(call) => {
                    let span = spans::method(&call.name);
                    running.spawn(handle(call, Arc::clone(handlers), terms).instrument(span));
                }
                None => return,
            },
            Some(ended) = running.join_next() => if let Err(error) = ended {
                warn!(name: "method_panicked", %error, "the handler of a method");
            },
            () = closed.closed() => return,
        }
    }
}

async fn handle(mut call: MethodCall, handlers: Arc<Handlers>, terms: Terms) {
    let Terms { clock, timeout, .. } = terms;
    let deadline = call.arrived().after(timeout);
    let response = match handlers.find(&call.name) {
        None => MethodResponse::UNKNOWN,
        // It has waited for others until then.
        Some(_) if clock.now() >= deadline => MethodResponse::OVERRUN,
        Some(handler) => {
            let payload = core::mem::take(&mut call.payload);
            let invocation = Invocation::new(call.name.clone(), deadline, clock);
            tokio::select! {
                response = handler(payload, invocation) => response,
                () = clock.sleep_until(Some((deadline, "the handler has to be done"))) => MethodResponse::OVERRUN,
            }
        }
    };
    let code = response.code;
    match call.reply(response).await {
        Ok(()) => debug!(name: "method_answered", code, "answered"),
        Err(error) => warn!(name: "method_unanswered", %error, "not answered as its handler wants"),
    }
}

use core::ops::Deref;

use rustix::process::Signal;
use serde_json::Value;

use crate::place::Place;
use crate::program::{End, Program};

/// A hub that runs, with free ports, in a place of its own, where commands find it.
pub(crate) struct Hub {
    /// Ends before its place does.
    program: Program,
    /// The line that it printed when it was ready.
    pub(crate) ready: Value,
    place: Place,
}

impl Hub {
    pub(crate) fn start() -> Self {
        Self::start_in(Place::new(), &[])
    }

    /// Starts one with more arguments.
    pub(crate) fn start_in(place: Place, arguments: &[&str]) -> Self {
        let (program, ready) = Self::start_beside(&place, arguments);
        Self { program, ready, place }
    }

    /// Starts one, and gives it with the line that says that it is ready.
    pub(crate) fn start_beside(place: &Place, arguments: &[&str]) -> (Program, Value) {
        let mut program = place.start(&[&UP[..], arguments].concat());
        let ready = program.json();
        (program, ready)
    }

    /// A member of the line that it printed when it was ready.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.ready))
    }

    /// Has it stop, and gives how it ended and its place.
    pub(crate) fn stop(self, signal: Signal) -> (End, Place) {
        self.program.signal(signal);
        (self.program.end(), self.place)
    }

    /// Has a device simulated, and waits until it is connected.
    pub(crate) fn simulate(&self, line: &str) -> Program {
        let words = ["device", "simulate"].into_iter().chain(line.split(' ')).collect::<Vec<_>>();
        let mut device = self.place.start(&words);
        let connected = device.json();
        assert_eq!(connected["event"], "connected", "{line}");
        device
    }
}

/// Commands run in the hub's place find the hub.
impl Deref for Hub {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

pub(crate) const UP: [&str; 7] = ["up", "--mqtt-port", "0", "--https-port", "0", "-o", "json"];

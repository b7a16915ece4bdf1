//! The device's end of MQTT at brokers that are no IoT Hub: `cargo xtask interop --only broker`.
//!
//! It shows as well how a [`Client`](iothub_mqtt::Client) is put on a blocking socket: see `peer.rs`. The broker is
//! started, paused and killed from here, as what it does not acknowledge has to be sent again when it is back.

mod broker;
mod clock;
mod peer;
mod steps;

use std::process::ExitCode;

use iothub_codec::Version;

use broker::Broker;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, v311, v5, command @ ..] = words.as_slice() else {
        println!("usage: brokers NAME PORT-OF-3.1.1 PORT-OF-5 BROKER [ARGUMENT]...");
        return ExitCode::from(2);
    };
    let (Ok(v311), Ok(v5)) = (v311.parse(), v5.parse()) else {
        println!("{v311:?} and {v5:?} have to be ports");
        return ExitCode::from(2);
    };
    for (version, spoken, port) in [(Version::V311, "3.1.1", v311), (Version::V5, "5", v5)] {
        for (what, step) in steps::ALL {
            let begin = clock::now();
            match Broker::start(command, port).and_then(|mut broker| step(&mut broker, version)) {
                Ok(()) => {
                    println!("PASS {name}, MQTT {spoken}: {what} ({} ms)", begin.elapsed().as_millis());
                }
                Err(why) => println!("FAIL {name}, MQTT {spoken}: {what}: {why}"),
            }
        }
    }
    ExitCode::SUCCESS
}

/// Why a step could not be taken, or what it found wrong.
type Failure = Box<dyn core::error::Error>;

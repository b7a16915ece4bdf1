use serde_json::Value;

use super::Sizes;
use crate::bench::load::Load;
use crate::bench::server::{Programs, Server, Side};
use crate::bench::table::{Figure, Target, median};
use crate::failure::Failure;

/// Something that is measured at once.
pub(super) struct Row {
    pub(super) name: &'static str,
    work: Work,
}

enum Work {
    /// The same done to several servers in turn, in each round.
    Steady {
        ours: &'static [(Side, &'static str)],
        brokers: Option<&'static str>,
        settings: &'static [(&'static str, u64)],
        /// By server, then what of what the load says.
        figures: &'static [Wanted],
    },
    /// Silent connections, each time to servers that have just started.
    Idle,
    /// Many devices, and a start with them.
    Registered,
}

/// A figure of a [`Work::Steady`].
struct Wanted {
    side: Side,
    name: &'static str,
    member: &'static str,
    unit: &'static str,
    target: Target,
}

const fn wanted(
    side: Side,
    name: &'static str,
    (member, unit): (&'static str, &'static str),
    target: Target,
) -> Wanted {
    Wanted { side, name, member, unit, target }
}

const CPU: (&str, &str) = ("server_us", "us CPU");
const RATE: (&str, &str) = ("a_second", "1/s");

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "telemetry",
        work: Work::Steady {
            ours: &[(Side::Memory, "telemetry"), (Side::Durable, "telemetry")],
            brokers: Some("telemetry"),
            settings: &[("devices", 100), ("window", 10), ("len", 64)],
            figures: &[
                wanted(Side::Memory, "telemetry in memory", CPU, Target::Ratio(1.0)),
                wanted(Side::Memory, "telemetry in memory", RATE, Target::None),
                wanted(Side::Durable, "telemetry, durable", CPU, Target::Ratio(1.5)),
                wanted(Side::Durable, "telemetry, durable", RATE, Target::None),
            ],
        },
    },
    Row {
        name: "get, 10 in flight",
        work: Work::Steady {
            ours: &[(Side::Memory, "get")],
            brokers: Some("echo"),
            settings: &[("window", 10)],
            figures: &[
                wanted(Side::Memory, "twin get, 10 in flight", CPU, Target::Ratio(1.0)),
                wanted(Side::Memory, "twin get, 10 in flight", RATE, Target::None),
            ],
        },
    },
    Row {
        name: "get, 1 in flight",
        work: Work::Steady {
            ours: &[(Side::Memory, "get")],
            brokers: Some("echo"),
            settings: &[("window", 1)],
            figures: &[
                wanted(Side::Memory, "twin get, 1 in flight", CPU, Target::Ratio(1.0)),
                wanted(Side::Memory, "twin get, 1 in flight", RATE, Target::None),
            ],
        },
    },
    Row {
        name: "connect",
        work: Work::Steady {
            ours: &[(Side::Memory, "connect")],
            brokers: Some("connect"),
            settings: &[("devices", 4)],
            figures: &[
                wanted(Side::Memory, "connect with TLS and token", CPU, Target::Ratio(1.2)),
                wanted(Side::Memory, "connect with TLS and token", RATE, Target::None),
            ],
        },
    },
    Row { name: "idle", work: Work::Idle },
    Row {
        name: "methods",
        work: Work::Steady {
            ours: &[(Side::Memory, "methods")],
            brokers: None,
            settings: &[("count", 2000)],
            figures: &[
                wanted(Side::Memory, "method over REST, p50", ("p50_us", "us"), Target::None),
                wanted(Side::Memory, "method over REST, p99", ("p99_us", "us"), Target::None),
            ],
        },
    },
    Row {
        name: "reports",
        work: Work::Steady {
            ours: &[(Side::Durable, "report")],
            brokers: None,
            settings: &[("devices", 100), ("window", 10)],
            figures: &[
                wanted(Side::Durable, "reported patches, durable", RATE, Target::Least(20_000.0)),
                wanted(Side::Durable, "reported patches, durable", CPU, Target::None),
            ],
        },
    },
    Row {
        name: "patches",
        work: Work::Steady {
            ours: &[(Side::Durable, "patches")],
            brokers: None,
            settings: &[("devices", 16)],
            figures: &[
                wanted(Side::Durable, "twin patches over REST, durable", RATE, Target::None),
                wanted(Side::Durable, "twin patches over REST, durable", CPU, Target::None),
            ],
        },
    },
    Row { name: "registered", work: Work::Registered },
];

/// Devices that take part in anything but the rows of many.
const DEVICES: u64 = 100;
const READY_S_MOST: f64 = 10.0;
const REGISTERED_BYTES_MOST: f64 = 2048.0;
const IDLE_RATIO_MOST: f64 = 1.5;

impl Row {
    /// Measures it in every round, and gives the medians.
    pub(super) fn measure(
        &self,
        programs: &Programs,
        load: &Load,
        sizes: Sizes,
    ) -> Result<Vec<Figure>, Failure> {
        match &self.work {
            Work::Steady { ours, brokers, settings, figures } => {
                steady(programs, load, sizes, (ours, *brokers, settings, figures))
            }
            Work::Idle => idle(programs, load, sizes).map(|figure| vec![figure]),
            Work::Registered => registered(programs, load, sizes),
        }
    }
}

type Steady<'a> = (&'a [(Side, &'a str)], Option<&'a str>, &'a [(&'a str, u64)], &'static [Wanted]);

fn steady(
    programs: &Programs,
    load: &Load,
    sizes: Sizes,
    (ours, brokers, settings, figures): Steady<'_>,
) -> Result<Vec<Figure>, Failure> {
    let brokers = brokers.filter(|_| programs.broker.is_some()).map(|what| (Side::Broker, what));
    let mut servers = Vec::new();
    for (side, what) in ours.iter().copied().chain(brokers) {
        servers.push((side, what, started(programs, load, (side, DEVICES))?, Vec::new()));
    }
    let settings = [settings, &[("seconds", sizes.seconds)]].concat();
    for _ in 0..sizes.rounds {
        for (_, what, server, said) in &mut servers {
            said.push(load.run(what, server, &settings)?);
        }
    }
    let of = |side: Side, member: &str| {
        let said = servers.iter().find(|(each, ..)| *each == side).map(|(_, _, _, said)| said)?;
        median(said.iter().filter_map(|value| value[member].as_f64()).collect())
    };
    let figures = figures.iter().map(|wanted| {
        let ours = of(wanted.side, wanted.member);
        let ours = ours.ok_or_else(|| Failure::new(format!("the load does not say {}", wanted.member)))?;
        let Wanted { name, unit, target, .. } = *wanted;
        Ok(Figure { name: name.to_owned(), unit, ours, other: of(Side::Broker, wanted.member), target })
    });
    figures.collect()
}

fn idle(programs: &Programs, load: &Load, sizes: Sizes) -> Result<Figure, Failure> {
    let bytes = |side| -> Result<f64, Failure> {
        let server = started(programs, load, (side, sizes.idle))?;
        number(&load.run("idle", &server, &[("devices", sizes.idle)])?, "bytes")
    };
    let ours = bytes(Side::Memory)? / 1024.0;
    let broker = match programs.broker {
        Some(_) => Some(bytes(Side::Broker)? / 1024.0),
        None => None,
    };
    Ok(Figure {
        name: "a silent connection".to_owned(),
        unit: "KiB",
        ours,
        other: broker,
        target: Target::Ratio(IDLE_RATIO_MOST),
    })
}

fn registered(programs: &Programs, load: &Load, sizes: Sizes) -> Result<Vec<Figure>, Failure> {
    let empty = programs.start(Side::Durable)?.resident()?;
    let server = programs.start(Side::Durable)?;
    let filled = load.run("register", &server, &[("devices", sizes.registered)])?;
    let folder = server.kill().ok_or_else(|| Failure::new("nothing was kept"))?;
    let (mut times, mut processor) = (Vec::new(), Vec::new());
    let mut sizes_seen = Vec::new();
    for _ in 0..sizes.rounds {
        let server = programs.start_again(&folder)?;
        times.push(server.until_ready.as_secs_f64());
        processor.push(processor_s(&server)?);
        sizes_seen.push((server.resident()? - empty) / sizes.registered as f64);
        server.kill();
    }
    let figure = |name: &str, unit, values: Vec<f64>, target| {
        let ours = median(values).ok_or_else(|| Failure::new("nothing was measured"))?;
        Ok(Figure { name: name.to_owned(), unit, ours, other: None, target })
    };
    let rate = sizes.registered as f64 / number(&filled, "seconds")?;
    Ok(vec![
        figure("devices imported, durable", "1/s", vec![rate], Target::None)?,
        figure("start with as many devices", "s", times, Target::Most(READY_S_MOST))?,
        figure("start with as many devices", "s CPU", processor, Target::None)?,
        figure("a registered device and its twin", "bytes", sizes_seen, Target::Most(REGISTERED_BYTES_MOST))?,
    ])
}

/// A server, if it is a hub with that many devices.
fn started(programs: &Programs, load: &Load, (side, devices): (Side, u64)) -> Result<Server, Failure> {
    let server = programs.start(side)?;
    if side != Side::Broker {
        load.run("register", &server, &[("devices", devices)])?;
    }
    Ok(server)
}

/// Processor time that a server has taken since it was started.
fn processor_s(server: &Server) -> Result<f64, Failure> {
    let path = format!("/proc/{}/stat", server.pid);
    let stat = std::fs::read_to_string(&path).map_err(Failure::while_doing(path))?;
    // The name, in brackets, may hold anything; behind it, time in user mode and in the kernel are next to each other.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / 100.0)
}

fn number(said: &Value, member: &str) -> Result<f64, Failure> {
    said[member].as_f64().ok_or_else(|| Failure::new(format!("the load does not say {member}")))
}

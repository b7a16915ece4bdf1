use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::failure::Failure;
use crate::workspace;

/// Checks which crate uses which against [`LAYERS`], and prints each use that is not allowed.
pub(crate) fn run() -> Result<(), Failure> {
    let crates = crates(&workspace::metadata()?)?;
    let violations = violations(&crates);
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("layers: {} crates, each uses only what it may", crates.len());
            Ok(())
        }
        n => Err(Failure::new(format!("layers: {n} not allowed"))),
    }
}

/// A crate, and what it may be built on.
struct Layer {
    name: &'static str,
    /// The crates of this workspace that it is built on. It may use what these use as well.
    on: &'static [&'static str],
    /// The crates from elsewhere that it may use.
    elsewhere: Elsewhere,
}

enum Elsewhere {
    /// Any: what the crate is for decides.
    Any,
    /// These, and without their default features: those bring in `std`.
    OnlyWithoutStd(&'static [&'static str]),
}

/// The arrows. Each row is the path of a packet, or of the service's JSON, one step further up.
const LAYERS: &[Layer] = &[
    Layer {
        name: "iothub-codec",
        on: &[],
        elsewhere: Elsewhere::OnlyWithoutStd(&["base64", "hmac", "nom", "sha2", "subtle", "thiserror"]),
    },
    Layer {
        name: "iothub-proto",
        on: &["iothub-codec"],
        elsewhere: Elsewhere::OnlyWithoutStd(&["thiserror"]),
    },
    Layer { name: "iothub-mqtt", on: &["iothub-proto"], elsewhere: Elsewhere::Any },
    // Not published, and nothing is built on it.
    Layer { name: "iothub-sim", on: &["iothub-mqtt"], elsewhere: Elsewhere::Any },
    Layer { name: "iothub-model", on: &[], elsewhere: Elsewhere::Any },
    Layer { name: "iothub-query", on: &[], elsewhere: Elsewhere::Any },
    Layer {
        name: "iothub-hub",
        on: &["iothub-proto", "iothub-model", "iothub-query"],
        elsewhere: Elsewhere::Any,
    },
    // Of messages, and of no protocol.
    Layer { name: "iothub-outbox", on: &[], elsewhere: Elsewhere::Any },
    Layer {
        name: "iothub-device",
        on: &["iothub-mqtt", "iothub-model", "iothub-outbox"],
        elsewhere: Elsewhere::Any,
    },
    Layer { name: "iothub-service", on: &["iothub-codec", "iothub-model"], elsewhere: Elsewhere::Any },
    Layer { name: "iothub-server", on: &["iothub-hub", "iothub-mqtt"], elsewhere: Elsewhere::Any },
    Layer {
        name: "iothub-cli",
        on: &["iothub-device", "iothub-service", "iothub-server"],
        elsewhere: Elsewhere::Any,
    },
    Layer {
        name: "iothub-test",
        on: &["iothub-device", "iothub-service", "iothub-server"],
        elsewhere: Elsewhere::Any,
    },
    // It tries all that speaks MQTT, from outside.
    Layer { name: "iothub-conformance", on: &["iothub-server"], elsewhere: Elsewhere::Any },
    // Examples use what their readers would, and what is beside it comes from elsewhere.
    Layer {
        name: "embedded",
        on: &["iothub-proto"],
        elsewhere: Elsewhere::OnlyWithoutStd(&["embassy-futures", "embedded-io-async"]),
    },
    Layer { name: "beside-rumqttc", on: &["iothub-device"], elsewhere: Elsewhere::Any },
    Layer { name: "over-rumqttc", on: &["iothub-proto"], elsewhere: Elsewhere::Any },
    Layer { name: "offline-outbox", on: &["iothub-device"], elsewhere: Elsewhere::Any },
    Layer { name: "thermostat", on: &["iothub-device"], elsewhere: Elsewhere::Any },
    Layer { name: "gateway", on: &["iothub-device", "iothub-service"], elsewhere: Elsewhere::Any },
    Layer { name: "firmware-update", on: &["iothub-device", "iothub-service"], elsewhere: Elsewhere::Any },
    Layer {
        name: "book",
        on: &["iothub-device", "iothub-service", "iothub-server"],
        elsewhere: Elsewhere::Any,
    },
    // Its tables are made of the codec's.
    Layer { name: "xtask", on: &["iothub-codec"], elsewhere: Elsewhere::Any },
];

impl Layer {
    fn of(name: &str) -> Option<&'static Self> {
        LAYERS.iter().find(|layer| layer.name == name)
    }

    /// Every crate of the workspace that may be used: [`Self::on`], and what those may use.
    fn may_use(&self) -> BTreeSet<&'static str> {
        let below = self.on.iter().filter_map(|name| Self::of(name));
        self.on.iter().copied().chain(below.flat_map(Self::may_use)).collect()
    }

    fn rule(&self) -> String {
        let may: Vec<_> = self.may_use().into_iter().collect();
        match may.as_slice() {
            [] => format!("{} uses no other crate of this workspace", self.name),
            _ => format!("of this workspace, {} uses only {}", self.name, may.join(", ")),
        }
    }
}

/// A member of the workspace, as its manifest has it.
struct Crate {
    name: String,
    uses: Vec<Use>,
}

struct Use {
    name: String,
    /// Only by tests, examples and benchmarks.
    for_tests: bool,
    from_workspace: bool,
    default_features: bool,
}

fn violations(crates: &[Crate]) -> Vec<String> {
    let mut violations: Vec<_> = crates.iter().flat_map(violations_of).collect();
    violations.extend(cycle(crates));
    violations
}

fn violations_of(this: &Crate) -> Vec<String> {
    let name = &this.name;
    let Some(layer) = Layer::of(name) else {
        return vec![format!("{name}: no layer (give it a row in xtask/src/layers.rs)")];
    };
    let may_use = layer.may_use();
    let mut violations = Vec::new();
    for used in this.uses.iter().filter(|used| !used.for_tests) {
        let other = &used.name;
        match &layer.elsewhere {
            _ if used.from_workspace => {
                if !may_use.contains(other.as_str()) {
                    violations.push(format!("{name} uses {other}: {}", layer.rule()));
                }
            }
            Elsewhere::Any => {}
            Elsewhere::OnlyWithoutStd(allowed) => {
                if !allowed.contains(&other.as_str()) {
                    let allowed = allowed.join(", ");
                    violations.push(format!("{name} uses {other}: from elsewhere, it uses only {allowed}"));
                } else if used.default_features {
                    violations.push(format!("{name} uses {other} with default features: these bring in std"));
                }
            }
        }
    }
    violations
}

/// What tests may be built on although it is built on what they test: the crate is built first, then this one, then the tests
/// beside the crate's sources. Those inside cannot use it: to them it is built on another copy of the crate.
const FOR_TESTS: &str = "iothub-test";

/// A crate that is built on itself, if there is one, once dependencies of tests count too.
fn cycle(crates: &[Crate]) -> Option<String> {
    let mut open: BTreeMap<&str, BTreeSet<&str>> = crates
        .iter()
        .map(|this| {
            let uses = this.uses.iter().filter(|used| used.from_workspace);
            let uses = uses.filter(|used| !(used.for_tests && used.name == FOR_TESTS));
            (this.name.as_str(), uses.map(|used| used.name.as_str()).collect())
        })
        .collect();
    // Crates with nothing left below them are taken away until none is left, or only cycles are.
    while let Some(done) = open.iter().find(|(_, uses)| uses.is_empty()).map(|(name, _)| *name) {
        open.remove(done);
        for uses in open.values_mut() {
            uses.remove(done);
        }
    }
    let names: Vec<_> = open.into_keys().collect();
    (!names.is_empty()).then(|| {
        format!("{}: in a cycle, or above one; with their tests, crates must have an order", names.join(", "))
    })
}

fn crates(metadata: &Value) -> Result<Vec<Crate>, Failure> {
    let malformed = || Failure::new("`cargo metadata` is not as expected");
    let packages = metadata["packages"].as_array().ok_or_else(malformed)?;
    packages.iter().map(|package| read_crate(package).ok_or_else(malformed)).collect()
}

fn read_crate(package: &Value) -> Option<Crate> {
    let uses = package["dependencies"].as_array()?.iter().map(read_use).collect::<Option<_>>()?;
    Some(Crate { name: package["name"].as_str()?.to_owned(), uses })
}

fn read_use(dependency: &Value) -> Option<Use> {
    Some(Use {
        name: dependency["name"].as_str()?.to_owned(),
        for_tests: dependency["kind"].as_str() == Some("dev"),
        from_workspace: dependency["path"].is_string(),
        default_features: dependency["uses_default_features"].as_bool()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_allowed_and_what_is_not() {
        for (name, used, expected) in [
            ("iothub-codec", ours("iothub-proto"), Some("iothub-codec uses no other crate")),
            ("iothub-proto", ours("iothub-codec"), None),
            ("iothub-proto", ours("iothub-model"), Some("iothub-proto uses iothub-model: of this workspace")),
            ("iothub-hub", ours("iothub-mqtt"), Some("iothub-hub uses iothub-mqtt")),
            ("iothub-hub", ours("iothub-codec"), None),
            ("iothub-server", ours("iothub-device"), Some("iothub-server uses iothub-device")),
            ("iothub-cli", ours("iothub-model"), None),
            ("iothub-mqtt", for_tests(ours("iothub-hub")), None),
            ("iothub-codec", theirs("tokio"), Some("from elsewhere, it uses only base64")),
            ("iothub-codec", with_default_features(theirs("nom")), Some("these bring in std")),
            ("iothub-codec", for_tests(with_default_features(theirs("proptest"))), None),
            ("iothub-device", with_default_features(theirs("tokio")), None),
            ("iothub-dps", theirs("tokio"), Some("iothub-dps: no layer")),
        ] {
            let found = violations_of(&Crate { name: name.to_owned(), uses: vec![used] });
            match expected {
                None => assert!(found.is_empty(), "{name}: {found:?}"),
                Some(text) => assert!(found.len() == 1 && found[0].contains(text), "{name}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_test_dependency_that_closes_a_circle_is_found() {
        let mqtt = Crate { name: "iothub-mqtt".to_owned(), uses: vec![ours("iothub-proto")] };
        let mut proto = Crate { name: "iothub-proto".to_owned(), uses: vec![] };
        assert_eq!(cycle(&[mqtt, proto]), None);

        let mqtt = Crate { name: "iothub-mqtt".to_owned(), uses: vec![ours("iothub-proto")] };
        proto = Crate { name: "iothub-proto".to_owned(), uses: vec![for_tests(ours("iothub-mqtt"))] };
        assert!(
            cycle(&[mqtt, proto])
                .is_some_and(|text| text.starts_with("iothub-mqtt, iothub-proto: in a cycle"))
        );
    }

    #[test]
    fn the_arrows_themselves_have_no_circle_and_name_only_layers() {
        for layer in LAYERS {
            assert!(!layer.may_use().contains(layer.name), "{}", layer.name);
            assert!(layer.on.iter().all(|name| Layer::of(name).is_some()), "{}", layer.name);
        }
    }

    #[test]
    fn metadata_is_read_as_cargo_writes_it() {
        let metadata = json!({ "packages": [{ "name": "iothub-proto", "dependencies": [
            { "name": "iothub-codec", "kind": null, "path": "/w/crates/iothub-codec", "uses_default_features": true },
            { "name": "proptest", "kind": "dev", "uses_default_features": false },
        ]}]});
        let crates = crates(&metadata).unwrap();
        let [codec, proptest] = crates[0].uses.as_slice() else { panic!("two dependencies") };
        assert!(codec.from_workspace && !codec.for_tests && codec.default_features);
        assert!(!proptest.from_workspace && proptest.for_tests && !proptest.default_features);
    }

    fn ours(name: &str) -> Use {
        Use { name: name.to_owned(), for_tests: false, from_workspace: true, default_features: true }
    }

    fn theirs(name: &str) -> Use {
        Use { name: name.to_owned(), for_tests: false, from_workspace: false, default_features: false }
    }

    fn for_tests(used: Use) -> Use {
        Use { for_tests: true, ..used }
    }

    fn with_default_features(used: Use) -> Use {
        Use { default_features: true, ..used }
    }
}

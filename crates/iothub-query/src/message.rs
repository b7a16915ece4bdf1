use serde_json::Value;

use crate::datum::Datum;
use crate::parse::BODY;
use crate::path::{Path, Root, Step};
use crate::source::Source;

/// A message from a device, as routes see it. Names of properties are the same in any case.
///
/// `name` is an application property and `$name` a system property, or if there is none an application property that is
/// called so; `$body.a[0]` and `$twin.tags.x` reach into documents, where names are exact.
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    /// What the device has called as it liked. Routes compare texts with these, or `as_number` of them with numbers.
    pub application: &'a [(&'a str, &'a str)],
    /// What the hub knows of the message, such as `connectionDeviceId`, without `$`.
    pub system: &'a [(&'a str, &'a str)],
    /// What it says, if [`Self::has_body`].
    pub body: Option<&'a Value>,
    /// The twin of the device.
    pub twin: Option<&'a Value>,
}

impl<'a> Message<'a> {
    /// Whether routes may look into a body that is described so: only into JSON in UTF-8, UTF-16 or UTF-32.
    pub fn has_body(content_type: &str, content_encoding: &str) -> bool {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let encodings = ["utf-8", "utf-16", "utf-32"];
        kind.eq_ignore_ascii_case("application/json")
            && encodings.iter().any(|encoding| encoding.eq_ignore_ascii_case(content_encoding.trim()))
    }

    fn application(&self, path: &Path, root: &str) -> Option<&'a str> {
        if path.steps().is_empty() {
            return property(self.application, root);
        }
        // A dot may be part of the name of a property, as they have nothing below them.
        let mut name = root.to_owned();
        for step in path.steps() {
            let Step::Name(step) = step else { return None };
            name.push('.');
            name.push_str(step.as_str());
        }
        property(self.application, &name)
    }
}

impl<'a> Source for Message<'a> {
    fn resolve(&self, path: &Path) -> Datum<'_> {
        let in_document = |document: Option<&'a Value>| {
            let found = document.and_then(|document| Path::descend(path.steps(), document));
            found.map_or(Datum::Undefined, Datum::from)
        };
        let found = match path.root() {
            Root::System(name) if path.steps().is_empty() => property(self.system, name.as_str()),
            Root::System(_) => None,
            Root::Name(name) => match name.as_str() {
                BODY => return in_document(self.body),
                "$twin" => return in_document(self.twin),
                root => root
                    .strip_prefix('$')
                    .filter(|_| path.steps().is_empty())
                    .and_then(|name| property(self.system, name))
                    .or_else(|| self.application(path, root)),
            },
        };
        found.map_or(Datum::Undefined, Datum::from)
    }
}

fn property<'a>(properties: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    properties.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

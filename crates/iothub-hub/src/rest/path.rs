use iothub_codec::{DeviceId, ModuleId};
use iothub_model::ErrorCode;

use crate::authority::Authority;
use crate::input::RestRequest;
use crate::policy::{Policy, Rights};
use crate::quota::Operation;
use crate::registry::Key;
use crate::rest::name::name;
use crate::rest::{Failure, configurations, provisioning};

/// What a request is about.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// The method, after `X-HTTP-Method-Override`.
    pub(crate) method: String,
    pub(crate) resource: Resource,
    query: Vec<(String, String)>,
}

/// What holds for whoever makes a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// What whoever asks must be allowed. Those of a device are asked for by itself.
    pub(crate) rights: Rights,
    /// Only this hub has it, so that it needs no version.
    is_local: bool,
    /// What it counts as, if it counts.
    pub(crate) operation: Option<Operation>,
    /// Whether it, or what follows from it, is recorded.
    pub(crate) is_recorded: bool,
}

/// The things that have an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `/devices`
    Devices,
    /// `/devices/query`, as long as that is posted to: a device may be called so, too
    Query,
    /// `/$local/devices/query`
    ExplainedQuery,
    /// `/devices/{d}`, `/devices/{d}/modules/{m}`
    Identity(Key),
    /// `/devices/{d}/modules`
    Modules(String),
    /// `/devices/{d}/commands`; a local one is `/$local/devices/{d}/commands`
    Commands(Key),
    /// `/configurations`
    Configurations,
    /// `/configurations/{id}`
    Configuration(String),
    /// `/configurations/testQueries`, as long as that is posted to: a configuration may be called so, too
    ConfigurationQueries,
    /// `/devices/{d}/applyConfigurationContent`
    ConfigurationContent(Key),
    /// `/twins/{d}`, `/twins/{d}/modules/{m}`
    Twin(Key),
    /// `/twins/{d}/methods`, `/twins/{d}/modules/{m}/methods`
    Methods(Key),
    /// `/jobs/create`
    NewTransfer,
    /// `/jobs`
    Transfers,
    /// `/jobs/{id}`
    Transfer(String),
    /// `/jobs/v2/query`
    JobQuery,
    /// `/jobs/v2/{id}`
    Job(String),
    /// `/jobs/v2/{id}/cancel`
    JobCancel(String),
    /// `/digitaltwins/{d}`
    DigitalTwin(Key),
    /// `/digitaltwins/{d}/commands/{c}`, `/digitaltwins/{d}/components/{p}/commands/{c}`: the method that it is
    DigitalTwinCommand(Key, String),
    /// `/statistics/devices`
    DeviceStatistics,
    /// `/statistics/service`
    ServiceStatistics,
    /// `/$local/devices/{d}/deadLetters`, and of a module
    DeadLetters(Key),
    /// `/messages/serviceBound/feedback`, also behind `/$local`
    Feedback,
    /// `/messages/serviceBound/feedback/{lock}`
    FeedbackLock(String),
    /// `/messages/serviceBound/feedback/{lock}/abandon`
    FeedbackReturn(String),
    /// `/messages/serviceBound/filenotifications`, also behind `/$local`
    FileNotifications,
    /// `/messages/serviceBound/filenotifications/{lock}`
    FileNotificationLock(String),
    /// `/messages/serviceBound/filenotifications/{lock}/abandon`
    FileNotificationReturn(String),
    /// `/devices/{d}/files`
    DeviceFiles(Key),
    /// `/devices/{d}/files/{name}`, as long as that is read: deprecated
    DeviceFile(Key, String),
    /// `/devices/{d}/files/notifications`, as long as that is posted to
    UploadEnds(Key),
    /// `/devices/{d}/files/notifications/{correlationId}`
    UploadEnd(Key, String),
    /// `/$local/files`
    Files,
    /// `/$local/files/access`
    FileAccess,
    /// `/devices/{d}/messages/deviceBound`
    DeviceBound(Key),
    /// `/devices/{d}/messages/deviceBound/{lock}`
    DeviceBoundLock(Key, String),
    /// `/devices/{d}/messages/deviceBound/{lock}/abandon`
    DeviceBoundReturn(Key, String),
    /// `/devices/{d}/messages/events`
    DeviceEvents(Key),
    /// `/$local/events`
    Events,
    /// `/$local/events/partitions`
    Partitions,
    /// `/$local/events/partitions/{p}`
    Partition(String),
    /// `/$local/events/consumerGroups`
    ConsumerGroups,
    /// `/$local/events/consumerGroups/{g}`
    ConsumerGroup(String),
    /// `/$local/events/consumerGroups/{g}/checkpoints`
    Checkpoints(String),
    /// `/$local/events/consumerGroups/{g}/checkpoints/{p}`
    Checkpoint(String, String),
    /// `/$local/devices/{d}/refusals`
    Refusals(String),
    /// `/$local/registry`
    Registry,
    /// `/$local/policies`
    Policies,
    /// `/$local/policies/{name}`
    Policy(String),
    /// `/$local/authorities`
    Authorities,
    /// `/$local/authorities/{name}`
    Authority(String),
    /// What the provisioning service has.
    Provisioning(provisioning::Resource),
}

impl Path {
    pub(crate) fn read(request: &RestRequest<'_>) -> Result<Self, Failure> {
        let override_ = request.header("x-http-method-override").filter(|_| request.method == "POST");
        let method = override_.unwrap_or(request.method).to_ascii_uppercase();
        let segments = request
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| decoded(segment, request.path))
            .collect::<Result<Vec<_>, _>>()?;
        let resource = Resource::read(&method, &segments)?.ok_or_else(|| {
            Failure::new(ErrorCode::GenericNotFound, format!("nothing is served at {:.256}", request.path))
        })?;
        let query = request.query.unwrap_or_default();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decoded(name, query)?.to_ascii_lowercase(), decoded(value, query)?))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        Ok(Self { method, resource, query })
    }

    /// The value of a query parameter, given in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.query.iter().find(|(each, _)| each == name).map(|(_, value)| value.clone())
    }

    /// The names of all query parameters, in lower case.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| name.as_str())
    }

    /// What holds for this request. Here alone each resource says what it is.
    pub(crate) fn terms(&self) -> Terms {
        use Resource as R;

        let method = self.method.as_str();
        let service = Terms {
            rights: Rights::SERVICE_CONNECT,
            is_local: false,
            operation: None,
            is_recorded: method != "GET",
        };
        let local = Terms { is_local: true, ..service };
        let rights =
            if matches!(method, "GET" | "HEAD") { Rights::REGISTRY_READ } else { Rights::REGISTRY_WRITE };
        let registry = Terms { rights, operation: Some(Operation::Registry), ..service };
        let device = Terms { rights: Rights::DEVICE_CONNECT, ..service };
        match &self.resource {
            // What devices ask for is theirs by another proof than a policy's.
            R::Provisioning(resource) => {
                let terms = resource.terms(method);
                Terms {
                    rights: terms.rights.unwrap_or(Rights::NONE),
                    is_recorded: terms.is_recorded,
                    ..service
                }
            }
            R::Devices | R::Identity(_) | R::Modules(_) => registry,
            R::Configurations | R::Configuration(_) => {
                Terms { operation: Some(Operation::Configuration), ..registry }
            }
            R::ConfigurationQueries => Terms {
                rights: Rights::REGISTRY_READ,
                operation: Some(Operation::Configuration),
                is_recorded: false,
                ..registry
            },
            R::ConfigurationContent(_) => Terms { operation: Some(Operation::TwinUpdate), ..registry },
            R::DeviceStatistics => Terms { rights: Rights::REGISTRY_READ, ..registry },
            // IoT Hub asks for it in either direction: an export has every key.
            R::Registry => Terms { rights: Rights::REGISTRY_WRITE, is_local: true, ..registry },
            R::Authorities | R::Authority(_) => Terms { rights, ..local },
            // Who reads keys or gives rights can do everything.
            R::Policies | R::Policy(_) => Terms { rights: Rights::ALL, ..local },
            R::Refusals(_) => Terms { rights: Rights::REGISTRY_READ, ..local },
            // An export has every key.
            R::NewTransfer | R::Transfers | R::Transfer(_) => {
                Terms { rights, operation: Some(Operation::Job), ..service }
            }
            R::Job(_) | R::JobCancel(_) | R::JobQuery => Terms { operation: Some(Operation::Job), ..service },
            R::Query => Terms { operation: Some(Operation::Query), is_recorded: false, ..service },
            R::ExplainedQuery => Terms { operation: Some(Operation::Query), is_recorded: false, ..local },
            R::Methods(_) | R::DigitalTwinCommand(..) => {
                Terms { operation: Some(Operation::Method), is_recorded: false, ..service }
            }
            R::Twin(_) | R::DigitalTwin(_) if method == "GET" => {
                Terms { operation: Some(Operation::TwinRead), ..service }
            }
            R::Twin(_) | R::DigitalTwin(_) => Terms { operation: Some(Operation::TwinUpdate), ..service },
            R::Commands(_) if method == "POST" => Terms { operation: Some(Operation::Command), ..local },
            R::Commands(_) if method == "GET" => local,
            R::Commands(_) | R::ServiceStatistics => service,
            // Whoever is given something has it under a lock, and the end of that is recorded.
            R::Feedback | R::FileNotifications => Terms { is_recorded: true, ..local },
            R::DeviceFiles(_) | R::DeviceFile(..) => {
                Terms { operation: Some(Operation::Upload), is_recorded: true, ..device }
            }
            R::UploadEnds(_) | R::UploadEnd(..) => device,
            R::FileAccess => Terms { is_recorded: false, ..local },
            R::DeviceBound(_) => Terms { is_recorded: true, ..device },
            R::DeviceBoundLock(..) | R::DeviceBoundReturn(..) | R::DeviceEvents(_) => device,
            R::DeadLetters(_)
            | R::FeedbackLock(_)
            | R::FeedbackReturn(_)
            | R::FileNotificationLock(_)
            | R::FileNotificationReturn(_)
            | R::Files
            | R::Events
            | R::Partitions
            | R::Partition(_)
            | R::ConsumerGroups
            | R::ConsumerGroup(_)
            | R::Checkpoints(_)
            | R::Checkpoint(..) => local,
        }
    }

    /// Every request of the service API says its version; which one does not matter. Local ones need not.
    pub(crate) fn must_have_version(&self) -> Result<(), Failure> {
        let given = self.parameter("api-version").is_some_and(|version| !version.is_empty());
        if self.terms().is_local || given {
            return Ok(());
        }
        Err(Failure::new(
            ErrorCode::InvalidProtocolVersion,
            "the query parameter api-version is missing; use api-version=2021-04-12",
        ))
    }
}

impl Resource {
    /// The device or module it is about, if it is about one.
    pub(crate) fn into_key(self) -> Option<Key> {
        match self {
            Self::Identity(key)
            | Self::ConfigurationContent(key)
            | Self::Commands(key)
            | Self::DeadLetters(key)
            | Self::Twin(key)
            | Self::DigitalTwin(key)
            | Self::DigitalTwinCommand(key, _)
            | Self::Methods(key)
            | Self::DeviceFiles(key)
            | Self::DeviceFile(key, _)
            | Self::UploadEnds(key)
            | Self::UploadEnd(key, _)
            | Self::DeviceBound(key)
            | Self::DeviceBoundLock(key, _)
            | Self::DeviceBoundReturn(key, _)
            | Self::DeviceEvents(key) => Some(key),
            Self::Modules(device) | Self::Refusals(device) => Some(Key { device, module: None }),
            Self::Devices
            | Self::Query
            | Self::Configurations
            | Self::Configuration(_)
            | Self::ConfigurationQueries
            | Self::NewTransfer
            | Self::Transfers
            | Self::Transfer(_)
            | Self::JobQuery
            | Self::Job(_)
            | Self::JobCancel(_)
            | Self::ExplainedQuery
            | Self::DeviceStatistics
            | Self::ServiceStatistics
            | Self::Feedback
            | Self::FeedbackLock(_)
            | Self::FeedbackReturn(_)
            | Self::FileNotifications
            | Self::FileNotificationLock(_)
            | Self::FileNotificationReturn(_)
            | Self::Files
            | Self::FileAccess
            | Self::Events
            | Self::Partitions
            | Self::Partition(_)
            | Self::ConsumerGroups
            | Self::ConsumerGroup(_)
            | Self::Checkpoints(_)
            | Self::Checkpoint(..)
            | Self::Registry
            | Self::Policies
            | Self::Policy(_)
            | Self::Authorities
            | Self::Authority(_)
            | Self::Provisioning(_) => None,
        }
    }

    /// `None` for an address at which nothing is.
    fn read(method: &str, segments: &[String]) -> Result<Option<Self>, Failure> {
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        let is = |word: &str, fixed: &str| word.eq_ignore_ascii_case(fixed);
        if let Some(messages) = Self::read_messages(&words)? {
            return Ok(Some(messages));
        }
        if let Some(upload) = Self::read_uploads(method, &words)? {
            return Ok(Some(upload));
        }
        Ok(Some(match words[..] {
            [a] if is(a, "devices") => Self::Devices,
            [a, q] if method == "POST" && is(a, "devices") && is(q, "query") => Self::Query,
            [a, d] if is(a, "devices") => Self::Identity(device(d)?),
            [a, d, b] if is(a, "devices") && is(b, "modules") => Self::Modules(device(d)?.device),
            [a, d, b] if is(a, "devices") && is(b, "commands") => Self::Commands(device(d)?),
            [a, d, b] if is(a, "devices") && is(b, "applyConfigurationContent") => {
                Self::ConfigurationContent(device(d)?)
            }
            [a] if is(a, "configurations") => Self::Configurations,
            [a, b] if method == "POST" && is(a, "configurations") && is(b, "testQueries") => {
                Self::ConfigurationQueries
            }
            [a, id] if is(a, "configurations") => Self::Configuration(configurations::id(id)?),
            [a, d, b, m] if is(a, "devices") && is(b, "modules") => Self::Identity(module(d, m)?),
            [a, d] if is(a, "twins") => Self::Twin(device(d)?),
            [a, d] if is(a, "digitaltwins") => Self::DigitalTwin(device(d)?),
            [a, d, b, command] if is(a, "digitaltwins") && is(b, "commands") => {
                Self::DigitalTwinCommand(device(d)?, command.into())
            }
            [a, d, b, component, c, command]
                if is(a, "digitaltwins") && is(b, "components") && is(c, "commands") =>
            {
                Self::DigitalTwinCommand(device(d)?, format!("{component}*{command}"))
            }
            [a, d, b] if is(a, "twins") && is(b, "methods") => Self::Methods(device(d)?),
            [a, d, b, m] if is(a, "twins") && is(b, "modules") => Self::Twin(module(d, m)?),
            [a, d, b, m, c] if is(a, "twins") && is(b, "modules") && is(c, "methods") => {
                Self::Methods(module(d, m)?)
            }
            [a, b] if is(a, "statistics") && is(b, "devices") => Self::DeviceStatistics,
            [a] if is(a, "jobs") => Self::Transfers,
            [a, b] if is(a, "jobs") && is(b, "create") && method == "POST" => Self::NewTransfer,
            [a, id] if is(a, "jobs") => Self::Transfer(id.into()),
            [a, b, q] if is(a, "jobs") && is(b, "v2") && is(q, "query") && method == "GET" => Self::JobQuery,
            [a, b, id] if is(a, "jobs") && is(b, "v2") => Self::Job(id.into()),
            [a, b, id, c] if is(a, "jobs") && is(b, "v2") && is(c, "cancel") => Self::JobCancel(id.into()),
            [a, b] if is(a, "statistics") && is(b, "service") => Self::ServiceStatistics,
            [a, b, ref rest @ ..] if is(a, "$local") && is(b, "events") => {
                return Ok(Self::read_events(rest));
            }
            [a, b, d, c] if is(a, "$local") && is(b, "devices") && is(c, "refusals") => {
                Self::Refusals(device(d)?.device)
            }
            [a, b, q] if is(a, "$local") && is(b, "devices") && is(q, "query") => Self::ExplainedQuery,
            [a, b] if is(a, "$local") && is(b, "files") => Self::Files,
            [a, b, c] if is(a, "$local") && is(b, "files") && is(c, "access") => Self::FileAccess,
            [a, b] if is(a, "$local") && is(b, "registry") => Self::Registry,
            [a, b] if is(a, "$local") && is(b, "policies") => Self::Policies,
            [a, b, n] if is(a, "$local") && is(b, "policies") => {
                Self::Policy(name(n, "a policy", Policy::NAME_MAX)?)
            }
            [a, b] if is(a, "$local") && is(b, "authorities") => Self::Authorities,
            [a, b, n] if is(a, "$local") && is(b, "authorities") => {
                Self::Authority(name(n, "an authority", Authority::NAME_MAX)?)
            }
            [a, b, d, c] if is(a, "$local") && is(b, "devices") && is(c, "deadLetters") => {
                Self::DeadLetters(device(d)?)
            }
            [a, b, d, e, m, c]
                if is(a, "$local") && is(b, "devices") && is(e, "modules") && is(c, "deadLetters") =>
            {
                Self::DeadLetters(module(d, m)?)
            }
            [a, b, d, c] if is(a, "$local") && is(b, "devices") && is(c, "commands") => {
                Self::Commands(device(d)?)
            }
            [a, b, d, e, m, c]
                if is(a, "$local") && is(b, "devices") && is(e, "modules") && is(c, "commands") =>
            {
                Self::Commands(module(d, m)?)
            }
            _ => return Ok(provisioning::Resource::read(method, &words)?.map(Self::Provisioning)),
        }))
    }
}

impl Resource {
    /// What is behind `/$local/events`.
    fn read_events(words: &[&str]) -> Option<Self> {
        let is = |word: &str, fixed: &str| word.eq_ignore_ascii_case(fixed);
        Some(match *words {
            [] => Self::Events,
            [a] if is(a, "partitions") => Self::Partitions,
            [a, p] if is(a, "partitions") => Self::Partition(p.into()),
            [a] if is(a, "consumerGroups") => Self::ConsumerGroups,
            [a, group] if is(a, "consumerGroups") => Self::ConsumerGroup(group.into()),
            [a, group, b] if is(a, "consumerGroups") && is(b, "checkpoints") => {
                Self::Checkpoints(group.into())
            }
            [a, group, b, p] if is(a, "consumerGroups") && is(b, "checkpoints") => {
                Self::Checkpoint(group.into(), p.into())
            }
            _ => return None,
        })
    }

    /// What a device asks that uploads a file.
    fn read_uploads(method: &str, words: &[&str]) -> Result<Option<Self>, Failure> {
        let [a, id, files, rest @ ..] = words else { return Ok(None) };
        if !a.eq_ignore_ascii_case("devices") || !files.eq_ignore_ascii_case("files") {
            return Ok(None);
        }
        let key = device(id)?;
        let is_end = |word: &str| method == "POST" && word.eq_ignore_ascii_case("notifications");
        Ok(Some(match *rest {
            [] => Self::DeviceFiles(key),
            [end] if is_end(end) => Self::UploadEnds(key),
            [end, id] if is_end(end) => Self::UploadEnd(key, id.into()),
            [..] if method == "GET" => Self::DeviceFile(key, rest.join("/")),
            [..] => return Ok(None),
        }))
    }

    /// What is fetched, settled or sent message by message.
    fn read_messages(words: &[&str]) -> Result<Option<Self>, Failure> {
        let is = |word: &str, fixed: &str| word.eq_ignore_ascii_case(fixed);
        // Published in either spelling.
        let is_files = |word: &str| is(word, "filenotifications") || is(word, "fileuploadnotifications");
        let words = match words {
            [first, rest @ ..]
                if is(first, "$local") && rest.first().is_some_and(|word| is(word, "messages")) =>
            {
                rest
            }
            all => all,
        };
        Ok(Some(match *words {
            [a, b, c] if is(a, "messages") && is(b, "serviceBound") && is(c, "feedback") => Self::Feedback,
            [a, b, c, lock] if is(a, "messages") && is(b, "serviceBound") && is(c, "feedback") => {
                Self::FeedbackLock(lock.into())
            }
            [a, b, c, lock, d]
                if is(a, "messages") && is(b, "serviceBound") && is(c, "feedback") && is(d, "abandon") =>
            {
                Self::FeedbackReturn(lock.into())
            }
            [a, b, c] if is(a, "messages") && is(b, "serviceBound") && is_files(c) => Self::FileNotifications,
            [a, b, c, lock] if is(a, "messages") && is(b, "serviceBound") && is_files(c) => {
                Self::FileNotificationLock(lock.into())
            }
            [a, b, c, lock, d]
                if is(a, "messages") && is(b, "serviceBound") && is_files(c) && is(d, "abandon") =>
            {
                Self::FileNotificationReturn(lock.into())
            }
            [a, id, b, c] if is(a, "devices") && is(b, "messages") && is(c, "deviceBound") => {
                Self::DeviceBound(device(id)?)
            }
            [a, id, b, c, lock] if is(a, "devices") && is(b, "messages") && is(c, "deviceBound") => {
                Self::DeviceBoundLock(device(id)?, lock.into())
            }
            [a, id, b, c, lock, d]
                if is(a, "devices") && is(b, "messages") && is(c, "deviceBound") && is(d, "abandon") =>
            {
                Self::DeviceBoundReturn(device(id)?, lock.into())
            }
            [a, id, b, c] if is(a, "devices") && is(b, "messages") && is(c, "events") => {
                Self::DeviceEvents(device(id)?)
            }
            _ => return Ok(None),
        }))
    }
}

/// The device by which a request may be, wherever it leads: what devices ask for begins with `/devices/{d}/`.
pub(crate) fn device_asking(request: &RestRequest<'_>) -> Option<String> {
    let mut segments = request.path.split('/').filter(|segment| !segment.is_empty());
    segments.next().filter(|first| first.eq_ignore_ascii_case("devices"))?;
    decoded(segments.next()?, request.path).ok()
}

fn device(name: &str) -> Result<Key, Failure> {
    match DeviceId::new(name) {
        Ok(_) => Ok(Key { device: name.into(), module: None }),
        Err(error) => Err(Failure::new(ErrorCode::ArgumentInvalid, error.to_string())),
    }
}

fn module(of: &str, name: &str) -> Result<Key, Failure> {
    match ModuleId::new(name) {
        Ok(_) => Ok(Key { module: Some(name.into()), ..device(of)? }),
        Err(error) => Err(Failure::new(ErrorCode::ArgumentInvalid, error.to_string())),
    }
}

fn decoded(text: &str, whole: &str) -> Result<String, Failure> {
    let bad = || Failure::new(ErrorCode::ArgumentInvalid, format!("bad percent-encoding in {whole:.256}"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
                let (high, low) = (digit(rest.next()).ok_or_else(bad)?, digit(rest.next()).ok_or_else(bad)?);
                u8::try_from(high * 16 + low).expect("two hex digits are a byte")
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

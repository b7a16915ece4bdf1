use iothub_codec::{
    DeviceId, Dialect, Identity, ModuleId, OperationKind, Properties, RequestId, SystemProperty,
};

pub(crate) const DEVICE: &str = "thermostat-7";
pub(crate) const METHOD: &str = "setTargetTemperature";
pub(crate) const REQUEST: &str = "2f6b1c9e";
pub(crate) const PAYLOAD: &[u8] = br#"{"temperature":21.5}"#;
pub(crate) const TOKEN: &str =
    "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fthermostat-7&sig=a&se=1893456000";
pub(crate) const HOST: &str = "hub1.azure-devices.net";

/// Application properties: a few words, some with something to escape.
pub(crate) const APPLICATION: [(&str, &str); 10] = [
    ("site", "plant-12"),
    ("line", "A/3"),
    ("sensor", "temperature"),
    ("unit", "celsius"),
    ("severity", "warning"),
    ("batch", "2024-11-21 #4"),
    ("operator", "night shift"),
    ("firmware", "1.18.3-rc2"),
    ("quality", "97%"),
    ("last", "true"),
];

/// Those that are looked for, beside a message id.
pub(crate) const SEVEN: [(&str, &str); 7] = [
    APPLICATION[0],
    APPLICATION[1],
    APPLICATION[2],
    APPLICATION[3],
    APPLICATION[4],
    APPLICATION[7],
    APPLICATION[9],
];

pub(crate) fn identity() -> Identity<'static> {
    Identity::device(DeviceId::new(DEVICE).expect("a good name"))
}

pub(crate) fn module() -> Identity<'static> {
    let device = DeviceId::new(DEVICE).expect("a good name");
    Identity::module(device, ModuleId::new("filter").expect("a good name"))
}

pub(crate) fn request() -> RequestId<'static> {
    RequestId::new(REQUEST.as_bytes()).expect("short enough")
}

/// That many of the application's properties, and the system's that the dialect wants with such a message.
pub(crate) fn properties(dialect: Dialect, kind: OperationKind, count: usize) -> Properties<'static> {
    let row = dialect.operation(kind);
    let required = row.into_iter().flat_map(|row| row.properties()).filter(|property| property.required);
    let system: Vec<(SystemProperty, &str)> =
        required.map(|property| (property.property, "1234567")).collect();
    Properties::new(system.leak(), &APPLICATION[..count])
}

//! What the Device Provisioning Service looks like on the wire, to the device and to the service; what is refused,
//! with the place.

#[cfg(test)]
mod connect;
#[cfg(test)]
mod generated;
#[cfg(test)]
#[path = "../support/mark.rs"]
mod mark;
#[cfg(test)]
mod messages;

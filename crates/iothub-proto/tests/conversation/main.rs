//! A device's and a hub's session in conversation, over a link that delays, loses, repeats and is cut, in virtual
//! time. A failure prints the seed that repeats it and what was said.

#[cfg(test)]
mod accepting;
#[cfg(test)]
mod anything;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod connecting;
#[cfg(test)]
mod desired;
#[cfg(test)]
mod device_end;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod hub_end;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod link;
#[cfg(test)]
mod modules;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod pair;
#[cfg(test)]
mod parcel;
#[cfg(test)]
mod places;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod subscribing;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod variants;

//! What the classic dialect looks like on the wire: the published topics, filters, properties and packets, one
//! row each, in both directions; what is read beside them; and what is refused, with the place.

#[cfg(test)]
mod connect;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod mark;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod unreadable;
#[cfg(test)]
mod unwritable;

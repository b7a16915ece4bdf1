//! What must hold for all messages and for all text: what is written reads back, sizes are exact, nothing panics,
//! and a second reader, simple enough to be obviously right, agrees.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod anything;
#[cfg(test)]
mod connecting;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod sample;

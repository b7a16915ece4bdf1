//! The catalogue says what the dialects do: each row is compared with what is written.

#[cfg(test)]
mod sample;
#[cfg(test)]
mod statuses;
#[cfg(test)]
mod written;

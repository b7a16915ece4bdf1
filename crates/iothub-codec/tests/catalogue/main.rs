//! The catalogue says what the dialects do: each row is compared with what is written, and with what is documented.

#[cfg(test)]
mod documented;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod statuses;
#[cfg(test)]
mod written;

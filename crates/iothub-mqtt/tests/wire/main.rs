//! Both ends of an MQTT connection, seen from outside: of MQTT 3.1.1, and in `v5` of MQTT 5.

#[cfg(test)]
mod bytes;
#[cfg(test)]
mod connection;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod keep_alive;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod mqttbytes;
#[cfg(test)]
mod pair;
#[cfg(test)]
mod repeat;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod unsendable;
#[cfg(test)]
mod v5;

//! `iothub`: the command line. Its commands are on their way; the hub is served by `iothub-server`.

fn main() {}

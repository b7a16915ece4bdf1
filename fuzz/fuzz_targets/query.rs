#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iothub_query::fuzzing::query(data));

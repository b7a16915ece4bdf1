//! The fuzz targets over their saved corpus, as ordinary tests.

use iothub_codec::fuzzing;

fn run(target: &str, body: fn(&[u8])) {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for file in std::fs::read_dir(&folder).expect("the corpus is in the repository") {
        let file = file.expect("the corpus is in the repository");
        body(&std::fs::read(file.path()).expect("the corpus is readable"));
        count += 1;
    }
    assert!(count > 0, "{folder} is empty");
}

#[test]
fn topics_of_the_corpus() {
    run("topic", fuzzing::topic);
}

#[test]
fn connects_of_the_corpus() {
    run("connect", fuzzing::connect);
}

#[test]
fn credentials_of_the_corpus() {
    run("credentials", fuzzing::credentials);
}

#[test]
fn provisioning_of_the_corpus() {
    run("provisioning", fuzzing::provisioning);
}

#[test]
fn properties_of_the_corpus() {
    run("properties", fuzzing::properties);
}

#[test]
fn messages_of_the_corpus() {
    run("roundtrip", fuzzing::roundtrip);
}

//! The fuzz target over its saved corpus, as an ordinary test.

#[test]
fn queries_of_the_corpus() {
    let folder = format!("{}/../../fuzz/corpus/query", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for file in std::fs::read_dir(&folder).expect("the corpus is in the repository") {
        let file = file.expect("the corpus is in the repository");
        iothub_query::fuzzing::query(&std::fs::read(file.path()).expect("the corpus is readable"));
        count += 1;
    }
    assert!(count > 0, "{folder} is empty");
}

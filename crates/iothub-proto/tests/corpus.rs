//! The fuzz target over its saved corpus, as an ordinary test, and over as many steps of chance.

use iothub_proto::fuzzing;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn what_happens_to_sessions_in_the_corpus() {
    let folder = format!("{}/../../fuzz/corpus/sessions", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for file in std::fs::read_dir(&folder).expect("the corpus is in the repository") {
        let file = file.expect("the corpus is in the repository");
        fuzzing::sessions(&std::fs::read(file.path()).expect("the corpus is readable"));
        count += 1;
    }
    assert!(count > 0, "{folder} is empty");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_happens_to_sessions_by_chance(data in vec(any::<u8>(), 0..400)) {
        fuzzing::sessions(&data);
    }
}

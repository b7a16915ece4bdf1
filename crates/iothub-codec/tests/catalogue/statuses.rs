use iothub_codec::OperationKind::{Command, DesiredChanged, Input, Method, Telemetry, TwinGet, TwinPatch};
use iothub_codec::{Dialect, Status, TwinPart};

const COMMON: &[u16] = &[0x0100, 0x0101, 0x0102, 0x0501, 0x0502, 0x0601, 0x0602, 0x0603];
const OF_SECTION: &[u16] = &[0x0001, 0x0100, 0x0504, 0x0601, 0x0501, 0x0502];
const OF_PATCH: &[u16] = &[0x0104, 0x0100, 0x0101, 0x0102, 0x0501, 0x0502, 0x0601, 0x0602, 0x0603];

/// "Alternative responses" and "alternative acknowledgements", operation by operation.
#[test]
fn operations_end_as_documented() {
    for (dialect, kind, expected) in [
        (Dialect::Classic, Telemetry, &[][..]),
        (Dialect::Classic, Command, &[]),
        (Dialect::Classic, Input, &[]),
        (Dialect::Classic, Method, &[]),
        (Dialect::Classic, TwinGet(TwinPart::Whole), COMMON),
        (Dialect::Classic, TwinPatch, OF_PATCH),
        (Dialect::Classic, DesiredChanged, &[]),
        (Dialect::Preview311, Telemetry, &[]),
        (Dialect::Preview311, Command, &[]),
        (Dialect::Preview311, Method, &[0x06A0]),
        (Dialect::Preview311, TwinGet(TwinPart::Whole), COMMON),
        (Dialect::Preview311, TwinGet(TwinPart::Reported), OF_SECTION),
        (Dialect::Preview311, TwinGet(TwinPart::Desired), OF_SECTION),
        (Dialect::Preview311, TwinPatch, OF_PATCH),
        (Dialect::Preview311, DesiredChanged, &[]),
        (Dialect::Preview5, Telemetry, COMMON),
        (Dialect::Preview5, Command, &[0x0603, 0x0100]),
        (Dialect::Preview5, Method, &[0x06A0]),
        (Dialect::Preview5, TwinGet(TwinPart::Whole), COMMON),
        (Dialect::Preview5, TwinPatch, OF_PATCH),
        (Dialect::Preview5, DesiredChanged, &[]),
    ] {
        let row = dialect.operation(kind).unwrap_or_else(|| panic!("{dialect:?} has {kind}"));
        let mut statuses: Vec<_> = row.statuses.iter().map(|status| status.code()).collect();
        let mut expected = expected.to_vec();
        statuses.sort_unstable();
        expected.sort_unstable();
        assert_eq!(statuses, expected, "{dialect:?} {kind}");
    }
}

#[test]
fn no_operation_ends_in_a_success_that_is_also_a_refusal() {
    for row in Dialect::ALL.iter().flat_map(|dialect| dialect.operations()) {
        assert!(!row.statuses.contains(&Status::SUCCESS), "{}", row.kind);
        assert!(row.statuses.iter().all(|status| status.name().is_some()), "{}", row.kind);
    }
}

use crate::catalogue::OperationRow;

pub(in crate::dialect) const OPERATIONS: &[OperationRow] = &[];

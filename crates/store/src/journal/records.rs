//! The records in stored batches, one by one.

use kafka_wire::record_batch;

use super::frame::FrameError;

/// Calls `each` with every record of the batches, in order.
pub(crate) fn for_each_record(
    mut batches: &[u8],
    mut each: impl FnMut(&record_batch::Record<'_>) -> Result<(), FrameError>,
) -> Result<(), FrameError> {
    while !batches.is_empty() {
        let header = record_batch::decode_header(batches).map_err(|e| FrameError(e.to_string()))?;
        for record in record_batch::decode_records(batches).map_err(|e| FrameError(e.to_string()))? {
            each(&record)?;
        }
        batches = &batches[header.len_bytes..];
    }
    Ok(())
}

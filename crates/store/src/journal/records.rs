//! The records in stored batches, one by one.

use kafka_wire::record_batch;

use super::frame::FrameError;

/// Calls `each` with every record of the batches, in order.
pub(crate) fn for_each_record(
    batches: &[u8],
    mut each: impl FnMut(&record_batch::Record<'_>) -> Result<(), FrameError>,
) -> Result<(), FrameError> {
    for batch in record_batch::batches(batches) {
        let (_, batch) = batch.map_err(|e| FrameError(e.to_string()))?;
        for record in record_batch::decode_records(batch).map_err(|e| FrameError(e.to_string()))? {
            each(&record)?;
        }
    }
    Ok(())
}

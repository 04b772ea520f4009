//! Listing the audit records of recovery: how interrupted writes ended.

use super::format::{self, MANIFEST};
use super::graph::Graph;
use super::recovery::Audit;
use crate::error::Result;

impl Graph {
    /// Returns the audit records of all interrupted writes, oldest first.
    ///
    /// Cost: one listing, and one read per record.
    ///
    /// # Errors
    /// [`GraphError::Storage`](crate::error::GraphError::Storage), also for a record that is damaged.
    pub async fn audits(&self) -> Result<Vec<Audit>> {
        let mut audits = Vec::new();
        for object in self.root().list(&format!("{MANIFEST}/audit/")).await? {
            if let Some(bytes) = self.root().get(&object.path).await? {
                audits.push(format::decode::<Audit>(self.root(), &object.path, &bytes)?);
            }
        }
        audits.sort_by_key(|audit| (audit.created_at, audit.operation_id));
        Ok(audits)
    }
}

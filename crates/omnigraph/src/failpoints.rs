//! The fault points of the engine, and graphs in stores that misbehave: for tests of whole programs. They exist with the
//! crate feature `failpoints` only.
//!
//! There is one point after each durable step of every write. An armed point `return`s a bad request whose text is
//! `injected failpoint triggered: <name>`, `panic`s, or `kill`s the process as a power cut would.

use std::sync::Arc;

use object_store::ObjectStore;
use omnigraph_graph::commit::failpoints as commit;
use omnigraph_storage::objects::fault::{self as storage, scope};

use crate::maintenance::failpoints as maintenance;
use crate::write::schema_apply::failpoints as schema;
use crate::{Omnigraph, Result as EngineResult};

/// Environment variable that arms points of a program: `name=action` pairs separated by `;`.
pub const VARIABLE: &str = "OMNIGRAPH_FAILPOINTS";

/// Returns the names of all points.
pub fn names() -> Vec<&'static str> {
    commit::ALL.iter().chain(&schema::ALL).chain(&maintenance::ALL).chain(&storage::ALL).copied().collect()
}

/// Arms the points that [`VARIABLE`] names, for the rest of the process.
///
/// Actions are those of the `fail` crate (`return`, `panic`, `pause`, `1*return`, …) and `kill`.
///
/// # Errors
/// A text that says which pair is not understood.
pub fn arm_from_environment() -> Result<(), String> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
        let (name, action) =
            pair.split_once('=').ok_or_else(|| format!("{VARIABLE}: '{pair}' is not name=action"))?;
        match action.trim() {
            "kill" => fail::cfg_callback(name.trim(), || std::process::abort()),
            action => fail::cfg(name.trim(), action),
        }
        .map_err(|error| format!("{VARIABLE}: '{pair}': {error}"))?;
    }
    Ok(())
}

/// Creates a graph at the top of a store.
///
/// # Errors
/// As [`Omnigraph::init`].
pub async fn init_in(store: Arc<dyn ObjectStore>, schema_source: &str) -> EngineResult<Omnigraph> {
    Omnigraph::init_in(store, schema_source).await
}

/// Opens the graph at the top of a store, with nothing of it in caches.
///
/// # Errors
/// As [`Omnigraph::open`].
pub async fn open_in(store: Arc<dyn ObjectStore>) -> EngineResult<Omnigraph> {
    Omnigraph::open_in(store).await
}

/// Arms one point until it is dropped.
///
/// The registry of points belongs to the process: [`ScopedFailPoint::limited`] spares what else runs there.
pub struct ScopedFailPoint(&'static str);

impl ScopedFailPoint {
    /// Limits a point to work on the graph with this URI, as `Omnigraph::uri` returns it, before it is armed.
    pub fn limited(name: &'static str, uri: &str) -> Limited {
        scope::limit(name, uri);
        Limited(name)
    }

    /// Arms a point with an action of the `fail` crate.
    ///
    /// # Errors
    /// A text when the action is not understood.
    pub fn new(name: &'static str, action: &str) -> Result<ScopedFailPoint, String> {
        fail::cfg(name, action).map(|()| ScopedFailPoint(name))
    }

    /// Calls a function whenever the point is passed.
    ///
    /// # Errors
    /// As [`ScopedFailPoint::new`].
    pub fn with_callback(
        name: &'static str,
        callback: impl Fn() + Send + Sync + 'static,
    ) -> Result<ScopedFailPoint, String> {
        fail::cfg_callback(name, callback).map(|()| ScopedFailPoint(name))
    }
}

/// A point that work on one graph only will pass.
pub struct Limited(&'static str);

impl Limited {
    /// Arms it as [`ScopedFailPoint::new`] does.
    ///
    /// # Errors
    /// A text when the action is not understood.
    pub fn armed(self, action: &str) -> Result<ScopedFailPoint, String> {
        ScopedFailPoint::new(self.0, action)
    }

    /// Arms it as [`ScopedFailPoint::with_callback`] does.
    ///
    /// # Errors
    /// As [`ScopedFailPoint::new`].
    pub fn calling(self, callback: impl Fn() + Send + Sync + 'static) -> Result<ScopedFailPoint, String> {
        ScopedFailPoint::with_callback(self.0, callback)
    }
}

impl Drop for ScopedFailPoint {
    fn drop(&mut self) {
        fail::remove(self.0);
        scope::lift(self.0);
    }
}

//! Progress bars, on an interactive stderr only.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use omnigraph::db::{LoadPhase, LoadProgress};
use omnigraph_client::http::Sent;

/// How often a bar moves that knows no progress.
const TICK: Duration = Duration::from_millis(100);

/// Receives progress of a load and clears its bar when dropped.
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// Shows a bar when stderr is a terminal.
    pub(crate) fn start(quiet: bool) -> Bar {
        let visible = std::io::stderr().is_terminal() && !quiet;
        let bar = if visible { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg:10} {wide_bar} {bytes}/{total_bytes} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Bar { bar }
    }

    /// Shows that something else is at work, for a time that is not known.
    pub(crate) fn wait(&self, message: &'static str) {
        spin(&self.bar, message);
    }

    /// Returns the callback for a body that is sent. Once all of it has been, the answer is waited for.
    pub(crate) fn sent(&self) -> impl Fn(Sent) + Send + Sync + 'static {
        let bar = self.bar.clone();
        move |sent: Sent| {
            bar.set_message("sending");
            bar.set_length(sent.total);
            bar.set_position(sent.bytes);
            if sent.bytes == sent.total {
                spin(&bar, "loading");
            }
        }
    }

    /// Returns the callback for the load.
    pub(crate) fn callback(&self) -> Arc<dyn Fn(LoadProgress) + Send + Sync> {
        let bar = self.bar.clone();
        Arc::new(move |progress: LoadProgress| {
            if let Some(total) = progress.total_bytes {
                bar.set_length(total);
            }
            bar.set_position(progress.bytes);
            bar.set_message(match progress.phase {
                LoadPhase::Reading => "reading",
                LoadPhase::Embedding => "embedding",
                LoadPhase::Checking => "checking",
                LoadPhase::Writing => "writing",
            });
        })
    }
}

fn spin(bar: &ProgressBar, message: &'static str) {
    bar.set_style(ProgressStyle::default_spinner());
    bar.set_message(message);
    bar.enable_steady_tick(TICK);
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Counts rows, and clears its bar when dropped.
pub(crate) struct RowBar {
    bar: ProgressBar,
}

impl RowBar {
    /// Shows a bar when stderr is a terminal.
    pub(crate) fn start(quiet: bool) -> RowBar {
        let visible = std::io::stderr().is_terminal() && !quiet;
        let bar = if visible { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} rows {per_sec} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        RowBar { bar }
    }

    /// Shows how many rows are done, of how many if that is known.
    pub(crate) fn show(&self, rows: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(rows);
    }
}

impl Drop for RowBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

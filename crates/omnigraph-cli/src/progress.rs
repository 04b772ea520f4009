//! Progress bars on stderr, if it is a terminal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use omnigraph::db::{LoadPhase, LoadProgress};
use omnigraph_client::http::Sent;

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(100);

/// Shows the progress of a load. Dropping it clears the bar.
pub(crate) struct LoadBar {
    bar: ProgressBar,
}

impl LoadBar {
    /// Shows a bar when stderr is a terminal and `quiet` is not set.
    pub(crate) fn start(quiet: bool) -> LoadBar {
        let visible = std::io::stderr().is_terminal() && !quiet;
        let bar = if visible { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg:10} {wide_bar} {bytes}/{total_bytes} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        LoadBar { bar }
    }

    /// Shows a spinner, for a step of unknown length.
    pub(crate) fn spin(&self, message: &'static str) {
        spin(&self.bar, message);
    }

    /// Returns the callback for a body that is being sent. Once all of it is sent, a spinner shows that the server works.
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

    /// Returns the callback for a load into storage.
    pub(crate) fn loaded(&self) -> Arc<dyn Fn(LoadProgress) + Send + Sync> {
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

impl Drop for LoadBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how many rows are done. Dropping it clears the bar.
pub(crate) struct RowBar {
    bar: ProgressBar,
}

impl RowBar {
    /// Shows a bar when stderr is a terminal and `quiet` is not set.
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

//! Metrics whose values are computed while they are read, as [`Computed`]; the library's own kinds hold a value instead.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;

/// One value of a computed metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Names and values of the labels; the same names in every sample of a metric. A metric without labels has one sample.
    pub(super) labels: Vec<(&'static str, String)>,
    /// The value.
    pub(super) value: f64,
}

/// How a computed metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleKind {
    /// Up and down.
    Gauge,
    /// Up only, for the life of the process.
    Counter,
}

/// A computed metric.
pub(super) struct Computed {
    name: &'static str,
    help: &'static str,
    kind: SampleKind,
    read: Box<dyn Fn() -> Vec<Sample> + Send + Sync>,
}

impl Computed {
    pub(super) fn new(
        name: &'static str,
        help: &'static str,
        kind: SampleKind,
        read: impl Fn() -> Vec<Sample> + Send + Sync + 'static,
    ) -> Self {
        Self { name, help, kind, read: Box::new(read) }
    }
}

impl Computed {
    fn encode_value(&self, mut metric: MetricEncoder<'_>, value: f64) -> Result<(), fmt::Error> {
        match self.kind {
            SampleKind::Gauge => metric.encode_gauge(&value),
            SampleKind::Counter => metric.encode_counter::<Vec<(String, String)>, f64, f64>(&value, None),
        }
    }
}

impl fmt::Debug for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Computed").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Collector for Computed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let kind = match self.kind {
            SampleKind::Gauge => MetricType::Gauge,
            SampleKind::Counter => MetricType::Counter,
        };
        let help = format!("{}.", self.help);
        let mut metric = encoder.encode_descriptor(self.name, &help, None, kind)?;
        for sample in (self.read)() {
            if sample.labels.is_empty() {
                self.encode_value(metric, sample.value)?;
                // Without labels there is one value.
                break;
            }
            self.encode_value(metric.encode_family(&sample.labels)?, sample.value)?;
        }
        Ok(())
    }
}

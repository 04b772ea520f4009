//! A run of the pipeline: checks the input, then embeds and writes it window by window, and publishes the output.

use std::path::Path;

use super::cache::{self, Cache, Key};
use super::error::{PipelineError, Result};
use super::files::{self, Input, LinePosition, Output};
use super::job::Job;
use super::report::{Mode, Progress, Report};
use super::row::{Line, Node};
use super::select::Selection;
use super::spec::TypeSpec;
use crate::client::EmbeddingClient;
use crate::config::EmbeddingConfig;

/// Texts that are embedded together: enough for every request that the client has under way at a time.
const WINDOW_TEXTS: usize = 256;

/// Bytes of lines and texts that wait for their vectors.
const WINDOW_BYTES: usize = 16 << 20;

/// What happens to the selected rows whose type is in the spec.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// Rows without a vector get one; with selectors, every selected row does.
    FillMissing(&'a EmbeddingClient),
    /// Every selected row gets a vector.
    ReembedAll(&'a EmbeddingClient),
    /// Every selected row loses its vector.
    Clean,
}

impl<'a> Work<'a> {
    fn mode(self, selection: &Selection) -> Mode {
        match self {
            Work::FillMissing(_) if selection.selectors.is_empty() => Mode::FillMissing,
            Work::FillMissing(_) => Mode::ReembedSelected,
            Work::ReembedAll(_) => Mode::ReembedAll,
            Work::Clean => Mode::Clean,
        }
    }

    fn client(self) -> Option<&'a EmbeddingClient> {
        match self {
            Work::FillMissing(client) | Work::ReembedAll(client) => Some(client),
            Work::Clean => None,
        }
    }
}

/// A run.
pub struct Request<'a> {
    /// Input, output and spec.
    pub job: &'a Job,
    /// Rows to work on.
    pub selection: Selection,
    /// What to do with them.
    pub work: Work<'a>,
    /// File that keeps vectors by content across runs, so that a run that failed resumes; `None` keeps none. It is
    /// created when missing, only grows, and may serve many jobs, one at a time.
    pub cache: Option<&'a Path>,
    /// Called after each window of rows and at the end.
    pub progress: Option<&'a (dyn Fn(&Progress) + Send + Sync)>,
}

/// Reads the input, works on its rows and replaces the output.
///
/// A regular file is first checked to its end, so that a bad line costs no call of the provider. Dropping the future
/// leaves the old output; vectors that were already received stay in the cache.
///
/// # Errors
/// [`PipelineError`]; the output is then as before.
pub async fn run(request: Request<'_>) -> Result<Report> {
    let Request { job, selection, work, cache, progress } = request;
    let mode = work.mode(&selection);
    if Output::temporary_path(&job.output) == job.input {
        return Err(PipelineError::InputIsTemporary { path: job.input.clone() });
    }
    let total_records = check_lines(&job.input).await?;
    let mut input = Input::open(&job.input).await?;
    let cache = match (cache, work.client()) {
        (Some(path), Some(client)) => {
            let origin = client.origin().await.map_err(|source| PipelineError::Provider { source })?;
            Some(ContentCache { cache: open_cache(path).await?, config: client.config(), origin })
        }
        _ => None,
    };
    let output = Output::create(&job.output).await?;
    let mut run = Run {
        job,
        mode,
        client: work.client(),
        cache,
        output,
        window: Window::default(),
        done: Progress { total_records, ..Progress::default() },
    };
    while let Some((position, text)) = input.next().await? {
        let line = Line::parse(text).map_err(|problem| files::refuse(&job.input, position, problem))?;
        run.take(position, &line, &selection)?;
        if run.window.is_full() {
            run.flush().await?;
            run.report(progress);
        }
    }
    run.flush().await?;
    run.report(progress);
    run.output.publish().await?;
    Ok(Report {
        input: job.input.clone(),
        output: job.output.clone(),
        records: run.done.records,
        selected_records: run.done.selected_records,
        embedded_records: run.done.embedded_records,
        cleaned_records: run.done.cleaned_records,
        mode,
        dimension: job.spec.dimension,
        model: run.client.map(|client| client.model().to_owned()).unwrap_or_default(),
        cached_records: run.done.cached_records,
    })
}

async fn open_cache(path: &Path) -> Result<Cache> {
    let owned = path.to_owned();
    // A large cache takes long to index, so this leaves the threads of the runtime alone.
    let opened = tokio::task::spawn_blocking(move || Cache::open(&owned)).await;
    opened.map_err(|error| PipelineError::io("open", path)(std::io::Error::other(error)))?
}

/// Checks every line of a regular file and counts the records.
async fn check_lines(path: &Path) -> Result<Option<u64>> {
    let mut input = Input::open(path).await?;
    if !input.is_file().await? {
        return Ok(None);
    }
    let mut records = 0;
    while let Some((position, text)) = input.next().await? {
        Line::parse(text).map_err(|problem| files::refuse(path, position, problem))?;
        records = position.record;
    }
    Ok(Some(records))
}

struct Run<'a> {
    job: &'a Job,
    mode: Mode,
    client: Option<&'a EmbeddingClient>,
    cache: Option<ContentCache<'a>>,
    output: Output<'a>,
    window: Window,
    done: Progress,
}

/// A cache with what its keys are made of besides the text.
struct ContentCache<'a> {
    cache: Cache,
    config: &'a EmbeddingConfig,
    origin: String,
}

/// Lines in file order whose vectors are not all known.
#[derive(Default)]
struct Window {
    lines: Vec<Pending>,
    /// Texts without a vector, with the position of their line in the file.
    texts: Vec<(LinePosition, String, Option<Key>)>,
    bytes: usize,
}

enum Pending {
    Whole(String),
    /// What stands before and after the vector.
    Around(String, String, Vector),
}

enum Vector {
    Known(Vec<f32>),
    /// Index in the window's texts.
    Asked(usize),
}

impl Window {
    fn is_full(&self) -> bool {
        self.texts.len() >= WINDOW_TEXTS || self.bytes >= WINDOW_BYTES
    }

    fn push(&mut self, line: Pending) {
        self.bytes += match &line {
            Pending::Whole(text) => text.len(),
            Pending::Around(before, after, Vector::Known(vector)) => {
                before.len() + after.len() + vector.len() * 4
            }
            Pending::Around(before, after, Vector::Asked(_)) => before.len() + after.len(),
        };
        self.bytes += size_of::<Pending>();
        self.lines.push(line);
    }
}

impl Run<'_> {
    /// Decides what becomes of a line and puts it into the window.
    fn take(&mut self, position: LinePosition, line: &Line<'_>, selection: &Selection) -> Result<()> {
        self.done.records = position.record;
        let Line::Node(node) = line else {
            self.window.push(Pending::Whole(line.compact()));
            return Ok(());
        };
        let selected = selection.takes(&node.type_name, &node.data);
        self.done.selected_records += u64::from(selected);
        let pending = match self.job.spec.types.get(&node.type_name) {
            Some(spec) if selected => self.work(position, node, spec)?,
            _ => None,
        };
        self.window.push(pending.unwrap_or_else(|| Pending::Whole(line.compact())));
        Ok(())
    }

    /// Works on a selected row whose type is in the spec. Returns nothing when the row stays as it is.
    fn work(&mut self, position: LinePosition, node: &Node<'_>, spec: &TypeSpec) -> Result<Option<Pending>> {
        let target = spec.target.as_str();
        let wanted = match self.mode {
            Mode::Clean => {
                let present = node.data.raw(target).is_some();
                self.done.cleaned_records += u64::from(present);
                return Ok(present.then(|| Pending::Whole(node.without(Some(target)))));
            }
            Mode::FillMissing => node.lacks(target),
            Mode::ReembedSelected | Mode::ReembedAll => true,
        };
        if !wanted {
            return Ok(None);
        }
        let vector = self.vector(position, node.text(spec))?;
        let (before, after) = node.around(target);
        self.done.embedded_records += 1;
        Ok(Some(Pending::Around(before, after, vector)))
    }

    /// Finds the vector of a text in the cache, or asks for it with the window.
    fn vector(&mut self, position: LinePosition, text: String) -> Result<Vector> {
        let dimension = self.job.spec.dimension;
        let mut key = None;
        if let Some(ContentCache { cache, config, origin }) = &mut self.cache {
            let wanted = cache::key(config, origin, dimension, &text);
            if let Some(vector) = cache.get(&wanted, dimension)? {
                self.done.cached_records += 1;
                return Ok(Vector::Known(vector));
            }
            key = Some(wanted);
        }
        self.window.bytes += text.len() + dimension * 4;
        self.window.texts.push((position, text, key));
        Ok(Vector::Asked(self.window.texts.len() - 1))
    }

    /// Embeds the texts of the window, keeps the vectors in the cache, and writes the lines.
    async fn flush(&mut self) -> Result<()> {
        let Window { lines, texts, .. } = std::mem::take(&mut self.window);
        let vectors = self.embed(&texts).await?;
        for line in lines {
            match line {
                Pending::Whole(text) => self.output.line(&[&text]).await?,
                Pending::Around(before, after, vector) => {
                    let vector = match &vector {
                        Vector::Known(vector) => vector,
                        Vector::Asked(index) => &vectors[*index],
                    };
                    self.output.line(&[&before, &json(vector), &after]).await?;
                }
            }
        }
        Ok(())
    }

    async fn embed(&mut self, texts: &[(LinePosition, String, Option<Key>)]) -> Result<Vec<Vec<f32>>> {
        let Some(client) = self.client else { return Ok(Vec::new()) };
        let plain: Vec<&str> = texts.iter().map(|(_, text, _)| text.as_str()).collect();
        let vectors = client.documents(&plain, self.job.spec.dimension).await.map_err(|refused| {
            let mut lines = texts[refused.texts].iter().map(|(position, ..)| position.line);
            let first_line = lines.next().unwrap_or_default();
            let last_line = lines.next_back().unwrap_or(first_line);
            PipelineError::Embed {
                path: self.job.input.clone(),
                first_line,
                last_line,
                source: refused.error,
            }
        })?;
        if let Some(ContentCache { cache, .. }) = &mut self.cache {
            let keyed = texts.iter().zip(&vectors);
            cache.put(keyed.filter_map(|((_, _, key), vector)| Some(((*key)?, vector.as_slice()))))?;
        }
        Ok(vectors)
    }

    fn report(&self, progress: Option<&(dyn Fn(&Progress) + Send + Sync)>) {
        if let Some(progress) = progress {
            progress(&self.done);
        }
    }
}

/// Writes a vector with the shortest numbers that read back as the same 32-bit floats.
fn json(vector: &[f32]) -> String {
    serde_json::to_string(vector).expect("finite numbers are always JSON")
}
